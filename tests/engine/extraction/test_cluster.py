"""Extraction on a cluster of several raylets: nodes come and go, processes are killed, and tables do not change.

Each driver is a process of its own, so that the cluster is not mixed up with the Ray of the other tests.
"""

import os
import random
import signal
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial

import pytest
from raylets import driver, finished, raylets
from tiny import Gated, Numbers, Tiny

from consilience.engine.extraction.runlog import read_runs
from consilience.engine.features import FeatureStore


def wait_for(what, process, folder, seconds=180):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert process.poll() is None, (folder / "errors").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def contents(table):
    return {p.name: p.read_bytes() for p in sorted(table.path.glob("*.arrow"))}


def begun(root, killed):
    """Whether the driver after those `killed` has a replica that stands."""
    (folder,) = (root / "store").glob("*/*/*")
    runs = read_runs(folder)
    return len(runs) == 1 + killed and "loaded" in runs[-1].lines["event"].to_pylist()


SEEDS = os.environ.get("CONSILIENCE_CHAOS_SEEDS", "0").split()  # `make chaos` gives ten


@pytest.mark.parametrize("seed", SEEDS)
def test_twenty_random_kills_change_nothing(tmp_path, seed):
    luck = random.Random(seed)
    n, gate = 4096, tmp_path / "calm"
    model = Gated(seconds=0.05, nan=frozenset({9}), gate=gate, first=n - 1)
    stimuli = Numbers(n, unreadable=frozenset({77}))
    kills: Counter[str] = Counter()
    with raylets(2, 2) as cluster:
        with ExitStack() as drivers:
            start = partial(driver, tmp_path, [(model, stimuli)], address=cluster.address)
            process = drivers.enter_context(start())
            wait_for(lambda: list(tmp_path.rglob("part-*.arrow")), process, tmp_path)
            while kills.total() < 20:
                time.sleep(luck.uniform(0.2, 1.0))
                assert process.poll() is None, (tmp_path / "errors").read_text()
                actors, chance = cluster.actors(), luck.random()
                if kills["node"] < 4 and chance < 0.25:
                    cluster.kill(luck.choice(cluster.nodes))
                    cluster.add(2)
                    kills["node"] += 1
                elif kills["driver"] < 2 and chance < 0.35 and actors:
                    process.kill()
                    process.wait()
                    process = drivers.enter_context(start())
                    kills["driver"] += 1
                    # One that never saw its model load takes three deaths for the model's fault.
                    wait_for(partial(begun, tmp_path, kills["driver"]), process, tmp_path)
                elif actors:
                    os.kill(luck.choice(actors), signal.SIGKILL)
                    kills["actor"] += 1
            gate.touch()
            finished(process, tmp_path)
        with driver(tmp_path / "clean", [(model, stimuli)], address=cluster.address) as calm:
            finished(calm, tmp_path / "clean")
    (table,) = FeatureStore(tmp_path / "store").tables()
    (clean,) = FeatureStore(tmp_path / "clean" / "store").tables()
    rejected = table.rejected["sample_id"].to_pylist()
    assert sorted(rejected) == ["s77", "s9"]
    assert sorted([*table.sample_ids, *rejected]) == sorted(stimuli.sample_ids())
    assert contents(table) == contents(clean)
    assert {**table.manifest, "times": 0} == {**clean.manifest, "times": 0}
    assert kills["node"] or kills["driver"], kills
    runs = read_runs(table.path)
    assert len(runs) == 1 + kills["driver"]
    assert "died" in {event for run in runs for event in run.lines["event"].to_pylist()}


def test_a_node_that_joins_is_used_and_the_loss_of_the_first_is_survived(tmp_path):
    n, gate = 2048, tmp_path / "calm"
    model = Gated(seconds=0.3, gate=gate, first=n - 1)
    with (
        raylets(1) as cluster,
        driver(tmp_path, [(model, Numbers(n))], address=cluster.address) as process,
    ):
        wait_for(lambda: list(tmp_path.rglob("part-*.arrow")), process, tmp_path)
        (folder,) = (tmp_path / "store").glob("*/*/*")
        first = cluster.nodes[0]
        cluster.add(2)
        wait_for(lambda: len(nodes_of(folder)) == 2, process, tmp_path)
        cluster.kill(first)
        gate.touch()
        finished(process, tmp_path)
        with driver(tmp_path / "clean", [(model, Numbers(n))], address=cluster.address) as calm:
            finished(calm, tmp_path / "clean")
    (table,) = FeatureStore(tmp_path / "store").tables()
    (clean,) = FeatureStore(tmp_path / "clean" / "store").tables()
    assert list(table.sample_ids) == list(Numbers(n).sample_ids())
    assert contents(table) == contents(clean)
    assert {**table.manifest, "times": 0} == {**clean.manifest, "times": 0}


def nodes_of(folder):
    return {x["node"] for run in read_runs(folder) for x in run.lines.to_pylist() if x["event"] == "written"}


def test_replicas_go_where_the_gpus_are_and_share_them(tmp_path):
    """No GPU is needed for what the cluster is told of one: the model leaves it alone."""
    pairs = [(Tiny(seconds=0.2), Numbers(2000))]
    with raylets(2) as cluster:
        with_gpu = cluster.add(cpus=2, gpus=1)
        with driver(tmp_path, pairs, address=cluster.address, device="cuda", gpus=0.5) as process:
            finished(process, tmp_path)
    (table,) = FeatureStore(tmp_path / "store").tables()
    (run,) = read_runs(table.path)
    loaded = [x for x in run.lines.to_pylist() if x["event"] == "loaded"]
    assert len({x["pid"] for x in loaded}) == 2
    assert {x["node"] for x in loaded} == {with_gpu.node_id}
