"""The calibrated CKA of one pair beside `calibrated-similarity`, which is the score with 200 permutations.

Ours has the null from its exact moments, without and with standard errors; and, permuted as theirs, from `best_layers`.
The package takes the similarity from its user: once in the quickest way for these shapes, over units, and once as its
documentation writes CKA.
"""

import numpy as np
import pytest
import torch
from calibrated_similarity import calibrate
from measure import seconds

import consilience as cs

pytestmark = pytest.mark.bench
PERMUTATIONS = 200
METRIC = ["cka:estimator=biased"]


def over_samples(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x, y = x - x.mean(0), y - y.mean(0)
    k, l = x @ x.T, y @ y.T
    return (k * l).sum() / k.norm() / l.norm()


def over_units(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x, y = x - x.mean(0), y - y.mean(0)
    return (x.T @ y).norm() ** 2 / (x.T @ x).norm() / (y.T @ y).norm()


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    x = {k: np.random.default_rng(0).standard_normal((1100, 64), dtype=np.float32) for k in "ab"}
    cs.compare(x, metrics=METRIC)
    cs.best_layers(x, metrics=METRIC, permutations=19)


@pytest.mark.parametrize(("n", "d"), [(1000, 256), (2000, 512)])
def test_one_pair(n: int, d: int) -> None:
    rng = np.random.default_rng(1)
    x, y = (rng.standard_normal((n, d), dtype=np.float32) for _ in range(2))
    y[:, :8] += x[:, :8]
    pair = {"x": x}, {"y": y}
    a, b = torch.from_numpy(x), torch.from_numpy(y)
    ways = {
        "exact": lambda: cs.compare(*pair, METRIC, se=False),
        "with standard errors": lambda: cs.compare(*pair, METRIC),
        "permuted": lambda: cs.best_layers(*pair, METRIC, permutations=PERMUTATIONS),
        "over units": lambda: calibrate(a, b, over_units, K=PERMUTATIONS),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(2):
        for name, work in ways.items():
            taken[name].append(seconds(work))
    best = {name: min(times) for name, times in taken.items()}
    documented = seconds(lambda: calibrate(a, b, over_samples, K=PERMUTATIONS))
    theirs = min(best.pop("over units"), documented)
    print(f"\nn = {n}, {d} units: the package {theirs:.2f} s, {documented:.2f} s as documented")
    for name, time in best.items():
        print(f"  ours, {name}: {time:.3f} s, {theirs / time:.1f} and {documented / time:.1f} times quicker")
    assert documented > 20 * best["exact"]
    assert documented > 1.5 * best["permuted"]
