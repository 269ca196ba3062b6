"""The simulated driver beside real runs of a model that sleeps, on one, two and four actors: cores do not matter then.

What a shard costs is read from the log of a short run on one actor, as `consilience plan --nodes` reads it. What is
compared begins when all actors stand: how long that takes depends on how many processes start on how many cores.
"""

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import tiny
from tiny import Numbers, Tiny

from consilience.engine.extraction import extract
from consilience.engine.extraction.costs import shard_costs
from consilience.engine.extraction.runlog import read_runs
from consilience.engine.features import FeatureStore
from consilience.engine.simulation import Cluster, simulate
from consilience.pipelines.rates import Rates

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


ROWS, SHARDS, SLEEP = 128, 16, 0.25


def run(folder: Path, shards: int, actors: int) -> tuple[Path, float]:
    """The folder of the table, and seconds from when all actors stood until the last shard was there."""
    (folder / "pids").mkdir(parents=True)
    model, ended = Sleeper(seconds=SLEEP, pid_file=folder / "pids" / "pid", together=actors), [0.0]
    table = extract(
        model, Numbers(ROWS * shards), FeatureStore(folder / "store"), replicas=actors,
        progress=lambda *_: ended.append(time.time()),
    )  # fmt: skip
    return table.path, ended[-1] - max(x.stat().st_mtime for x in (folder / "pids").iterdir())


@pytest.fixture(scope="module")
def rates(tmp_path_factory: pytest.TempPathFactory) -> Rates:
    from ray import cloudpickle

    for module in (tiny, sys.modules[__name__]):
        cloudpickle.register_pickle_by_value(module)
    path, _ = run(tmp_path_factory.mktemp("one"), 4, 1)
    return Rates().logged(shard_costs(read_runs(path)))


@pytest.mark.parametrize("actors", [1, 2, 4])
def test_a_real_run_takes_as_long_within_15_percent(actors: int, rates: Rates, tmp_path: Path) -> None:
    units = 12
    work = replace(rates, load=0.0).work("tiny", ROWS * SHARDS, units, ROWS)
    assert work.shards == SHARDS
    want = simulate([work], Cluster(1, actors, spread=0)).seconds
    _, got = run(tmp_path, SHARDS, actors)
    print(f"\n{actors} actors: {got:.2f} s, simulated {want:.2f} s")
    assert want == pytest.approx(got, rel=0.15)
