"""Passes on every executor, two workers each, beside the matrix products of one process in the same minute."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from measure import matmul_rate, seconds

import consilience as cs
from consilience.engine.execution.sessions import opened

pytestmark = pytest.mark.bench
WORKERS, ROUNDS = 2, 3
LEAST = {"threads": 0.85, "distributed": 0.7, "ray": 0.7}  # of the rate of matrix products


def tables(folder: Path, n: int, widths: tuple[int, ...]) -> list[cs.FeatureTable]:
    store, ids = cs.FeatureStore(folder), [str(i) for i in range(n)]
    rng = np.random.default_rng(0)
    return [
        store.write(f"model{k}", "noise", ids, {"layer": rng.standard_normal((n, d), dtype=np.float32)})
        for k, d in enumerate(widths)
    ]


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[cs.FeatureTable], float]:
    """Fewer samples than units; and the operations of a sweep over their tiles."""
    n, widths = 6000, (4096,) * 6
    return tables(tmp_path_factory.mktemp("tiles"), n, widths), float(n) ** 2 * (
        sum(widths) + len(widths) ** 2
    )


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[cs.FeatureTable], float]:
    """More samples than units; X'X is made of half of its products."""
    n, (a, b) = 200_000, (1024, 1024)
    return tables(tmp_path_factory.mktemp("moments"), n, (a, b)), float(n) * (a * a + b * b + 2 * a * b)


@pytest.fixture(scope="module", params=LEAST)
def executor(request: pytest.FixtureRequest) -> Iterator[str]:
    with opened(request.param, None, WORKERS) as session:
        session.begin()
        yield request.param


@pytest.mark.parametrize("which", ["tiles", "moments"])
def test_share_of_the_matmul_rate(executor: str, which: str, request: pytest.FixtureRequest) -> None:
    features, flops = request.getfixturevalue(which)
    options = {
        "metrics": ["cka"],
        "se": False,
        "null": False,
        "groups": 1,
        "executor": executor,
        "threads": WORKERS,
    }
    cs.compare(features[:2], **options)  # workers import what they need
    rates, times = [], []
    for _ in range(ROUNDS):
        rates.append(matmul_rate())
        times.append(seconds(lambda: cs.compare(features, **options)))
    share = flops / min(times) / max(rates)
    print(f"\n{which} on {executor}: {min(times):.2f} s, {share:.0%} of {max(rates) / 1e9:.0f} GFLOP/s")
    assert share >= LEAST[executor]
