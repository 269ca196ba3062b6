"""The seconds of a plan beside a clock: of every family of metrics within a factor 2, at a second or more each."""

import os
import time

import numpy as np
import pytest

from consilience.engine.comparison import Comparison
from consilience.engine.machine import speed

pytestmark = pytest.mark.bench
ROUNDS = 2  # the better of them counts: others on the machine only add


def features(n: int, d: int, layers: int) -> dict[str, np.ndarray]:
    """Layers of three models that have 60 directions in common, and noise that falls off over the units."""
    rng = np.random.default_rng(0)
    shared, fall = rng.standard_normal((n, 60)), np.linspace(1, 0.01, d)
    return {
        f"m{i % 3}/{i}": (
            shared @ rng.standard_normal((60, d)) / 8 + rng.standard_normal((n, d)) * fall
        ).astype(np.float32)
        for i in range(layers)
    }


@pytest.mark.parametrize(
    ("metrics", "shape"),
    [
        ("cka", (40_000, 256, 8)),
        ("cka+rsa", (6000, 128, 12)),
        ("cka:kernel=rbf+distance_correlation", (10_000, 128, 12)),
        ("mutual_knn", (8000, 256, 8)),
        ("jaccard_knn", (4000, 64, 12)),
        ("cycle_knn", (4000, 64, 12)),
        ("lcs_knn+edit_knn+rank_knn", (3000, 64, 12)),
        ("cknna", (2000, 64, 8)),
        ("second_order_cosine", (1500, 64, 8)),
        ("rsa:compare=kendall", (600, 64, 6)),
        ("cca", (1445, 384, 6)),
        ("svcca+procrustes", (1445, 384, 6)),
        ("pwcca", (1445, 256, 6)),
        ("procrustes:whiten=0.5+bures", (1445, 256, 6)),
        ("linreg", (1445, 384, 6)),
        ("linreg:folds=5", (1445, 256, 4)),
        ("riemann", (1445, 256, 4)),
        ("subspace_match", (1445, 256, 4)),
        ("unit_match+unit_match:match=best", (1445, 384, 6)),
        ("cca+procrustes", (300, 768, 3)),
        ("stitch:report=recall_1", (6000, 256, 8)),
        ("relative+indra", (4000, 64, 12)),
        ("mnn", (1445, 128, 4)),
        ("matching", (1445, 64, 12)),
    ],
)
def test_a_plan_tells_the_seconds(metrics: str, shape: tuple[int, int, int]) -> None:
    x, wanted = features(*shape), metrics.split("+")
    Comparison({name: z[:64, :8] for name, z in x.items()}, metrics=wanted).run()
    taken = []
    for _ in range(ROUNDS):
        work = Comparison(x, metrics=wanted)
        began = time.perf_counter()
        work.run()
        taken.append(time.perf_counter() - began)
    measured = speed()
    planned, took = work.plan(measured).seconds, min(taken)
    print(f"\n{measured}, load {os.getloadavg()[0]:.1f}")  # what is measured beside others is no measure
    print(
        f"\n{metrics} of {shape}: planned {planned:.2f} s, took {took:.2f} s, {took / planned:.2f} times that"
    )
    assert 0.5 < planned / took < 2
