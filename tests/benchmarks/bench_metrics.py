"""Metrics beside the operations they cannot do without, and what one more of them costs.

Each figure is the best of several rounds in which the references take their turns.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from measure import cpu_seconds, peak, seconds

import consilience as cs

pytestmark = pytest.mark.bench
ROUNDS = 5


def pair(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n, 40), dtype=np.float32)
    x, y = (
        shared @ rng.standard_normal((40, d), dtype=np.float32)
        + 2 * rng.standard_normal((n, d), dtype=np.float32)
        for _ in range(2)
    )
    return x, y


def paired(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    clock: Callable[[Callable[[], object]], float] = seconds,
) -> tuple[float, float, int]:
    """The best seconds of both, turn by turn, and the rise of memory in ours, apart: who looks at it takes time."""
    with peak() as rise:
        ours()
    theirs()
    times: tuple[list[float], list[float]] = [], []
    for _ in range(ROUNDS):
        times[0].append(clock(ours))
        times[1].append(clock(theirs))
    return min(times[0]), min(times[1]), rise[0]


def test_mutual_knn() -> None:
    x, y = pair(10_000, 768)

    def whole_matrices() -> float:
        lists = []
        for z in map(torch.from_numpy, (x, y)):
            unit = z / z.norm(dim=1, keepdim=True)
            similar = unit @ unit.T
            similar.fill_diagonal_(-2)
            lists.append(similar.topk(10, dim=1).indices)
        return float((lists[0][:, :, None] == lists[1][:, None, :]).any(2).float().mean())

    for precision in ("exact", "fast"):
        ours = partial(cs.score, "mutual_knn", x, y, precision=precision)
        assert abs(whole_matrices() - ours()) < 1e-4
        print(f"\nmutual 10-NN, n = 10,000, d = 768, {precision}, beside whole matrices with topk:")
        for clock in (seconds, cpu_seconds):
            own, whole, rise = paired(ours, whole_matrices, clock)
            print(f"  {clock.__name__}: {own:.2f}, {whole / own:.2f} times that; peak {rise / 1e6:.0f} MB")
            assert rise < 300e6
        assert precision == "exact" or whole > 2 * own


def test_cca() -> None:
    x, y = pair(10_000, 512)

    def bare() -> None:
        a, b = x.astype(np.float64), y.astype(np.float64)
        own, _, other = a.T @ a, a.T @ b, b.T @ b
        np.linalg.eigh(own), np.linalg.eigh(other)

    ours, theirs, _ = paired(lambda: cs.score("cca", x, y), bare)
    print(
        f"\nCCA, n = 10,000, d = 512: {ours:.2f} s, {ours / theirs:.2f} times three products and two decompositions"
    )
    assert ours < 1.5 * theirs


@pytest.mark.parametrize(
    ("metrics", "more", "at_most"),
    [
        (["cka"], "cka:estimator=biased", 1.1),
        (["rsa"], "rsa:compare=rho_a", 1.1),
        (["mutual_knn"], "jaccard_knn", 1.1),
        (["cca"], "cca:summary=first", 1.1),
        (["procrustes"], "bures", 1.1),
        # What these take is work of their own: another decomposition, another space, another order of the same lists.
        (["svcca"], "cca", None),
        (["procrustes"], "unit_match", None),
        (["cka", "rsa"], "rsa:rdm=cosine", None),
        (["mutual_knn"], "edit_knn", None),
        (["mutual_knn"], "cycle_knn", None),
    ],
)
def test_one_metric_more(metrics: list[str], more: str, at_most: float | None) -> None:
    rng = np.random.default_rng(1)
    x = {f"model/{i}": rng.standard_normal((4000, 256), dtype=np.float32) for i in range(12)}
    ours, theirs, _ = paired(
        lambda: cs.compare(x, metrics=[*metrics, more], permutations=2),
        lambda: cs.compare(x, metrics=metrics, permutations=2),
    )
    print(f"\n{more} beside {metrics[0]}: {ours / theirs - 1:+.0%}")
    assert at_most is None or ours < at_most * theirs


# The exact CKA of linear kernels takes no pairs at all; of its sampled one, half the time is the check of all rows.
@pytest.mark.parametrize(
    ("metric", "at_least"),
    [("cka", 4), ("cka:kernel=rbf", 20), ("rsa:compare=pearson", 20), ("mutual_knn", 20)],
)
def test_sampled_pairs(metric: str, at_least: float) -> None:
    """A standard error of 0.005 at n = 200,000, d = 512, and once the exact score."""
    x, y = ({name: z} for name, z in zip("xy", pair(200_000, 512)))
    table = cs.compare(x, y, [metric], until_se=0.005)
    drawn = min(seconds(lambda: cs.compare(x, y, [metric], until_se=0.005)) for _ in range(3))
    exact = []
    whole = seconds(lambda: exact.append(cs.compare(x, y, [metric], null=False)))
    away = float(table["score"][0, 0, 0] - exact[0]["score"][0, 0, 0])
    print(
        f"\n{metric}, n = 200,000: {drawn:.2f} s, the exact score {whole / drawn:.0f} times that; {away:+.4f} from it"
    )
    assert float(table["se"][0, 0, 0]) <= 0.005
    assert abs(away) < 4 * 0.005
    assert whole > at_least * drawn
