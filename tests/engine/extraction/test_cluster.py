"""Extraction on a cluster of several raylets: nodes come and go, processes are killed at random, and tables do not change.

Each driver is a process of its own, so that the cluster is not mixed up with the Ray of the other tests.
"""

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from raylets import driver, finished, raylets
from tiny import Gated, Numbers

from consilience.engine.extraction.runlog import read_runs
from consilience.engine.features import FeatureStore


def wait_for(what, process, folder, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert process.poll() is None, (folder / "errors").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def contents(table):
    return {p.name: p.read_bytes() for p in sorted(table.path.glob("*.arrow"))}


def written_on(table):
    lines = [line for run in read_runs(table.path) for line in run.lines.to_pylist()]
    return Counter(line["node"] for line in lines if line["event"] == "written")


@pytest.mark.parametrize("seed", [0])
def test_twenty_random_kills_change_nothing(tmp_path, seed):
    luck = random.Random(seed)
    n, gate = 4096, tmp_path / "calm"
    model, stimuli = Gated(seconds=0.05, nan=frozenset({9}), gate=gate, first=n - 1), Numbers(n, unreadable=frozenset({77}))
    with raylets(2, 2) as cluster:
        process = driver(tmp_path, [(model, stimuli)], address=cluster.address)
        wait_for(lambda: list(tmp_path.rglob("part-*.arrow")), process, tmp_path)
        kills = Counter()
        while kills.total() < 20:
            time.sleep(luck.uniform(0.3, 1.5))
            assert process.poll() is None, (tmp_path / "errors").read_text()
            if kills["node"] < 4 and luck.random() < 0.25:
                cluster.kill(luck.choice(cluster.nodes))
                cluster.add(2)
                kills["node"] += 1
            elif actors := cluster.actors():
                os.kill(luck.choice(actors), signal.SIGKILL)
                kills["actor"] += 1
        gate.touch()
        finished(process, tmp_path)
        calm = driver(tmp_path / "clean", [(model, stimuli)], address=cluster.address)
        finished(calm, tmp_path / "clean")
    (table,) = FeatureStore(tmp_path / "store").tables()
    (clean,) = FeatureStore(tmp_path / "clean" / "store").tables()
    assert sorted([*table.sample_ids, *table.rejected["sample_id"].to_pylist()]) == sorted(stimuli.sample_ids())
    assert set(table.rejected["sample_id"].to_pylist()) == {"s9", "s77"}
    assert contents(table) == contents(clean)
    assert {**table.manifest, "times": 0} == {**clean.manifest, "times": 0}
    assert kills["node"]
    (run,) = read_runs(table.path)
    assert "died" in run.lines["event"].to_pylist()
