"""Agreement with other models against agreement with brains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from consilience.engine.alignment.universality import agreement, agreements, correlation, interval, p_value

MODELS = [np.array([0, 1]), np.array([2, 3, 4]), np.array([5])]
OF = np.array([0, 0, 1, 1, 1, 2])


@given(seed=st.integers(0, 2**32 - 1))
def test_the_best_layer_is_chosen_on_one_half_and_scored_on_the_other(seed):
    select, score = np.random.default_rng(seed).normal(size=(2, 6, 6))
    got = agreements(select, score, MODELS)
    for layer in range(6):
        for m, layers in enumerate(MODELS):
            if OF[layer] == m:
                assert np.isnan(got[layer, m])
            else:
                best = max(layers, key=lambda other: select[layer, other])
                assert got[layer, m] == score[layer, best]
        want = np.mean([got[layer, m] for m in range(3) if m != OF[layer]])
        assert agreement(got, np.ones(3))[layer] == pytest.approx(want)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_correlation_is_spearmans(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 4, 7).astype(float), rng.normal(size=(3, 7))
    x[0], x[1] = 0, 9
    want = [stats.spearmanr(x, row).statistic for row in y]
    np.testing.assert_allclose(correlation(x, y), want, atol=1e-12)
    x[6] = np.nan
    np.testing.assert_allclose(correlation(x, y[0]), stats.spearmanr(x[:6], y[0, :6]).statistic, atol=1e-12)
    y[0, 3] = np.nan
    assert np.isnan(correlation(x, y)).tolist() == [True, False, False]


def test_the_interval_is_of_models_drawn_again():
    rng = np.random.default_rng(1)
    models = np.split(np.arange(12), 6)
    of = np.repeat(np.arange(6), 2)
    select, score = rng.normal(size=(2, 12, 12))
    with_models, brains = agreements(select, score, models), rng.normal(size=12)
    draws: list[float] = []
    while len(draws) < 4000:
        some = rng.integers(0, 6, 6)
        pairs = [
            (np.mean([with_models[layer, o] for o in some if o != m]), brains[layer])
            for m in some
            for layer in models[m]
            if (some != m).any()
        ]
        if pairs:
            draws.append(stats.spearmanr(*np.array(pairs).T).statistic)
    low, high = interval(with_models, np.array([brains, -brains]), of, 4000, seed=0)
    want = np.quantile(draws, [0.025, 0.975])
    np.testing.assert_allclose((low[0], high[0]), want, atol=0.04)
    np.testing.assert_allclose((low[1], high[1]), -want[::-1], atol=0.04)


def test_of_few_models_there_is_no_interval():
    assert np.isnan(interval(np.zeros((6, 3)), np.zeros((2, 6)), OF, 100, seed=0)).all()


def test_p_counts_draws_that_are_as_high():
    x = np.array([1.0, 2, 3])
    draws = np.array([[1.0, 2, 3], [3, 2, 1], [1, 3, 2], [2, 1, 3]])
    assert p_value(np.array([1.0, 3, 2]), x, draws) == 4 / 5
    assert p_value(np.array([4.0, 5, 6]), x, draws) == 2 / 5
