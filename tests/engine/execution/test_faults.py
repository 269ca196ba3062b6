"""Workers that are killed in the middle of a pass: it goes on, with the same result."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import consilience as cs
from consilience.engine.execution.sessions import Session, opened
from consilience.engine.passes.executors import Executor, joined

WORKERS = 2
COMMANDS = {"distributed": "spawn_main", "ray": "ray::"}  # of worker processes


@pytest.fixture(scope="module", params=COMMANDS)
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with opened(request.param, None, WORKERS) as session:
        session.begin()
        yield session


def workers_of(executor: str) -> list[psutil.Process]:
    """The worker processes that were started here."""
    found = psutil.Process().children(recursive=True)
    return [p for p in found if any(COMMANDS[executor] in x for x in p.cmdline()) and "Agent" not in p.name()]


def test_a_worker_killed_in_a_comparison_is_survived(session):
    rng = np.random.default_rng(0)
    x = {f"m/{k}": rng.standard_normal((800, 300)).astype(np.float32) for k in range(4)}
    killed: list[int] = []

    def progress(stage: str, done: float, total: float) -> None:
        if stage == "tiles" and done > 0.2 * total and not killed:
            victim = max(workers_of(session.kind), key=lambda p: p.cpu_times().user)
            killed.append(victim.pid)
            victim.kill()

    found = cs.compare(
        x, metrics=["mutual_knn", "cka"], executor=session.kind, threads=WORKERS, progress=progress
    )
    wanted = cs.compare(x, metrics=["mutual_knn", "cka"])
    assert len(killed) == 1
    for name in ("score", "se", "z"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-6)


def dying(shared: np.ndarray, k: int, folder: str, victims: int) -> list[float]:
    """Number k of the columns' sums; the first tasks kill their process, once each."""
    marker = Path(folder) / str(k)
    if k < victims and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return [float(shared[:, k].sum())]


@pytest.mark.parametrize("victims", [1, 4])
def test_every_task_is_done_once_whoever_dies(session, tmp_path, victims):
    shared = np.random.default_rng(1).standard_normal((50_000, 40))  # sent by itself
    calls: list[tuple[Any, ...]] = [(shared, k, str(tmp_path), victims) for k in range(40)]
    found = Executor(session.kind, threads=WORKERS)(dying, calls, joined)
    np.testing.assert_allclose(found, [float(shared[:, k].sum()) for k in range(40)], rtol=1e-9)
    assert len(list(tmp_path.iterdir())) == victims
