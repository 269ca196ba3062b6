"""Intervals cover the value of the population as often as they say: simulated for metrics of every kind whose error is
not of one drawing of anchors, classes or halves alone.
"""

import numpy as np
import pytest

import consilience as cs
from consilience.engine.inference.interval import interval

DRAWS = 100
PAIRS = [
    "cka:estimator=biased", "rsa", "mutual_knn", "jaccard_knn",
    "cca", "svcca", "pwcca", "procrustes", "procrustes:whiten=0.5", "bures", "linreg", "unit_match",
]  # fmt: skip
SINGLE = [
    "effective_rank",
    "intrinsic_dimension",
    "participation_ratio",
    "uniformity",
    "concentricity",
    "magnitude",
]
# The jackknife of a score that is not smooth in the samples (neighbours, matched units), that rests on many small
# eigenvalues (canonical correlations), or that is near the end of its range errs to the safe side.
SAFE_SIDE = {
    "mutual_knn", "jaccard_knn", "cca", "svcca", "pwcca", "procrustes:whiten=0.5", "concentricity",
    "magnitude",
}  # fmt: skip


def latent(n, rng, mix):
    """Two representations, 32 and 48 wide, of correlated latents."""
    shared = rng.normal(size=(n, 8))
    return [shared @ m + rng.normal(size=(n, m.shape[1])) for m in mix]


def drawn(draws, rng, mix):
    """Two mappings of as many draws of 500 samples."""
    pairs = [latent(500, rng, mix) for _ in range(draws)]
    return [{f"{side}{i}": pair[k] for i, pair in enumerate(pairs)} for k, side in enumerate("xy")]


def world():
    """A generator, and what mixes latents into the units of either side."""
    rng = np.random.default_rng(5)
    return rng, [rng.normal(size=(8, d)) for d in (32, 48)]


def compared(x, y, metrics):
    """The score table along the draws, each computed with the others."""
    table = cs.compare(x, y, metrics, pairs=list(zip(x, y)), null=False)
    return table.isel(a=("draw", range(len(x))), b=("draw", range(len(x))))


def covered(score, se, groups, truth):
    low, high = interval(score, se, groups)
    return np.mean((low <= truth) & (truth <= high))


@pytest.fixture(scope="module")
def simulated():
    """Of every metric the scores of 100 draws of 500 samples, their errors and the count of groups."""
    x, y = drawn(DRAWS, *world())
    found: dict[str, tuple[np.ndarray, ...]] = {}
    for metrics, table in ((PAIRS, compared(x, y, PAIRS)), (SINGLE, cs.profile(x, SINGLE))):
        values = (table[name].values for name in ("score", "se", "groups"))
        found |= dict(zip(metrics, zip(*values)))
    return found


@pytest.mark.parametrize("metric", [*PAIRS, *SINGLE])
def test_coverage_of_the_nominal_95_per_cent(simulated, metric):
    """Of the mean over draws: many scores depend on the number of samples. 100 draws may be off by 4 % by chance."""
    score, se, groups = simulated[metric]
    share = covered(score, se, groups, score.mean())
    assert share >= 0.9, share
    assert share < 1 or metric in SAFE_SIDE, share
    assert se.mean() < 2 * score.std()


def test_coverage_of_cka():
    """Of the value of the population, which the unbiased score estimates: in 92 to 98 % of 200 draws."""
    rng, mix = world()
    x, y = drawn(200, rng, mix)
    table = compared(x, y, ["cka"]).squeeze("metric")
    truth = cs.score("cka", *latent(100_000, rng, mix))
    assert 0.92 <= covered(table["score"].values, table["se"].values, table["groups"].item(), truth) <= 0.98
