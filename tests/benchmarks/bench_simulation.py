"""The simulated driver beside real runs of a model that sleeps, on one, two and four actors: cores do not matter then.

What a shard costs is measured in this process, without Ray; that of the driver is the 3 ms that it takes to hand out a
shard and to take its receipt.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny
from tiny import Numbers, Tiny

from consilience.engine.extraction import extract
from consilience.engine.extraction.job import plan_job, table_meta, table_spec
from consilience.engine.extraction.replica import Replica
from consilience.engine.features import FeatureStore
from consilience.engine.simulation import Cluster, ModelWork, ShardCost, simulate

pytestmark = [pytest.mark.bench, pytest.mark.usefixtures("ray_local")]


@dataclass
class Sleeper(Tiny):
    """Its replicas start when all `together` of them are there."""

    together: int = 1

    def load(self, device: str) -> None:
        super().load(device)
        assert self.pid_file is not None
        while len(list(self.pid_file.parent.glob(f"{self.pid_file.stem}.*"))) < self.together:
            time.sleep(0.005)


SHARDS, SLEEP = 16, 0.25


@pytest.mark.parametrize("actors", [1, 2, 4])
def test_a_real_run_takes_as_long_within_15_percent(actors: int, tmp_path: Path) -> None:
    from ray import cloudpickle

    for module in (tiny, sys.modules[__name__]):
        cloudpickle.register_pickle_by_value(module)
    stimuli, pids = Numbers(128 * SHARDS), tmp_path / "pids" / "pid"
    pids.parent.mkdir()
    one = Tiny(seconds=SLEEP)
    job = plan_job(one, stimuli)
    assert len(job.shards()) == SHARDS
    replica = Replica(
        one, stimuli, job,
        FeatureStore(tmp_path / "one").writer(
            "tiny", "numbers", table_spec(one, stimuli, job), job.schema(), meta=table_meta(one, stimuli, job)
        ),
        "cpu", 1,
    )  # fmt: skip
    replica.load()
    began = time.perf_counter()
    receipt = replica.run(job.shards()[0])
    whole = time.perf_counter() - began
    assert receipt.rows == 128
    forward = SLEEP * 128 / job.batch_size
    cost = ShardCost(0, 0, forward, whole - forward, 0.003, 0)
    want = simulate([ModelWork("tiny", SHARDS, cost)], Cluster(1, actors, spread=0)).seconds

    ended = [0.0]
    sleeper = Sleeper(seconds=SLEEP, pid_file=pids, together=actors)
    extract(
        sleeper, stimuli, FeatureStore(tmp_path / "all"), replicas=actors,
        progress=lambda *_: ended.append(time.time()),
    )  # fmt: skip
    got = ended[-1] - max(x.stat().st_mtime for x in pids.parent.iterdir())
    print(f"\n{actors} actors: {got:.2f} s, simulated {want:.2f} s")
    assert want == pytest.approx(got, rel=0.15)
