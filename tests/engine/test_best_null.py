"""The best of many pairs of unrelated layers: its p is uniform, and that of the same pair by itself is not."""

import numpy as np
import pytest
from scipy import stats

import consilience as cs

SIMULATED, DRAWS, LAYERS = 120, 39, 3
METRICS = ["cka", "cka:estimator=biased", "rsa:compare=pearson", "procrustes", "mutual_knn:k=4"]


def unrelated(rng, n=24):
    """Two models, the layers of each somewhat alike, of widths that make their scores differ by chance alone."""
    x = {}
    for model in "ab":
        shared = rng.normal(size=(n, 2))
        for layer in range(LAYERS):
            d = 3 + layer
            x[f"{model}/{layer}"] = shared @ rng.normal(size=(2, d)) / 2 + rng.normal(size=(n, d))
    return x


@pytest.fixture(scope="module")
def simulated():
    """p of the best pair, and p of that pair by itself: (2, SIMULATED, metrics)."""
    rng, best, alone = np.random.default_rng(0), [], []
    for seed in range(SIMULATED):
        x = unrelated(rng)
        found = cs.best_layers(x, metrics=METRICS, permutations=DRAWS, seed=seed).sel(a="a", b="b")
        a, b = ({k: v for k, v in x.items() if k[0] == model} for model in "ab")
        table = cs.compare(a, b, METRICS, se=False, permutations=DRAWS, seed=seed)["p"]
        best.append(found["p"].values)
        alone.append([
            float(table[k].sel(a=f"a/{i.item()}", b=f"b/{j.item()}"))
            for k, (i, j) in enumerate(zip(found["layer_a"], found["layer_b"]))
        ])  # fmt: skip
    return dict(zip(METRICS, zip(np.array(best).T, np.array(alone).T)))


@pytest.mark.parametrize("metric", METRICS)
def test_p_of_the_best_pair_is_uniform(simulated, metric):
    p, _ = simulated[metric]
    if metric.startswith("mutual_knn"):  # ties make p larger than it need be, and no level is exceeded
        for level in np.arange(1, DRAWS + 1) / (DRAWS + 1):
            assert stats.binom.sf(np.sum(p <= level + 1e-9) - 1, len(p), level) > 1e-3
        assert p.mean() < 0.65
    else:
        spread = p - np.random.default_rng(0).uniform(0, 1 / (DRAWS + 1), len(p))
        assert stats.kstest(spread, "uniform").pvalue > 0.01


@pytest.mark.parametrize("metric", METRICS)
def test_p_of_that_pair_by_itself_is_too_small(simulated, metric):
    _, naive = simulated[metric]
    assert np.mean(naive <= 0.05) > 0.12
    assert stats.kstest(naive, "uniform", alternative="greater").pvalue < 1e-6
