"""Agreement with other models against agreement with brains."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import consilience as cs
from consilience.engine.alignment.universality import (
    agreement,
    agreements,
    correlation,
    correlations,
    interval,
    p_value,
)

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


def test_models_of_one_layer_have_an_interval():
    """Of two models that are drawn alone each agrees with the other as much: there is no correlation, and no draw."""
    rng = np.random.default_rng(3)
    score = rng.normal(size=(5, 5))
    score = (score + score.T) / 3  # thirds, so that means of so many equal ones differ in the last digit
    models, brains = [np.array([k]) for k in range(5)], rng.normal(size=5)
    with_models = agreements(score, score, models)
    draws: list[float] = []
    while len(draws) < 4000:
        some = rng.integers(0, 5, 5)
        if len(set(some)) > 2:
            x = [np.mean([score[m, o] for o in some if o != m]) for m in some]
            draws.append(stats.spearmanr(x, brains[some]).statistic)
    bounds = interval(with_models, np.array([brains, np.full(5, np.nan)]), np.arange(5), 4000, seed=0)
    np.testing.assert_allclose([b[0] for b in bounds], np.quantile(draws, [0.025, 0.975]), atol=0.05)
    assert np.isnan([b[1] for b in bounds]).all()


def test_where_no_layer_agrees_with_any_there_is_no_correlation():
    assert np.isnan(correlation(np.full(3, np.nan), np.ones((2, 3)))).all()
    assert np.isnan(correlation(np.array([0.3, 0.1 + 0.2]), np.array([1.0, 2.0])))  # equal but for rounding


def test_layers_without_a_score_are_left_out_of_their_region_alone():
    rng = np.random.default_rng(4)
    x, y, draws = rng.normal(size=6), rng.normal(size=(3, 6)), rng.normal(size=(9, 6))
    y[1, 2], draws[:, 2], kept = np.nan, np.nan, np.array([0, 1, 3, 4, 5])
    want = [
        stats.spearmanr(x[some], row[some]).statistic
        for row, some in zip(y, (np.arange(6), kept, np.arange(6)))
    ]
    np.testing.assert_allclose(correlations(x, y), want)
    assert p_value(y[1], x, draws) == p_value(y[1, kept], x[kept], draws[:, kept])
    assert np.isfinite(interval(rng.normal(size=(6, 6)), y, np.arange(6), 100, seed=0)).all()


def test_what_universality_leaves_out_is_told():
    models, brains = world(0, True)
    models["m0/flat"] = np.random.default_rng(5).normal(
        size=(20, 8)
    )  # its own similarity is estimated below 0
    found = cs.align(models, brains, "cka", permutations=19, bootstraps=100)
    lacking = int(np.isnan(found["score"].values[0, :, 0]).any(axis=1).sum())
    assert 0 < lacking < len(models)
    assert np.isfinite(found["universality"]).all()
    assert np.isfinite(found["universality_p"]).all()
    told = f"universality in IT leaves out {lacking} of {len(models)} layers, which some subject has no score with"
    assert told in found.attrs["notes"]
    assert re.search(r"agreement leaves out [1-9]\d* scores of two layers", found.attrs["notes"])


def test_without_halves_the_choice_of_layers_is_told_as_that():
    found = cs.align(*world(0, True), "cka:estimator=unbiased", permutations=19, bootstraps=100, groups=1)
    assert "agreement is with layers chosen on the samples that it is scored on" in found.attrs["notes"]
    assert "agreement is with" not in cs.align(*world(0, True), permutations=0, bootstraps=100).attrs["notes"]


def world(seed: int, universal: bool) -> tuple[dict, dict]:
    """Layers that hold more or less of what all models hold; brains hold the same, or something of their own."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(2, 20, 4))
    models = {
        f"m{m}/{k}": common @ rng.normal(size=(4, 8)) + noise * rng.normal(size=(20, 8))
        for m in range(4)
        for k, noise in enumerate((0.5, 2, 4))
    }
    brains = {
        f"s{s}": {"IT": (common if universal else own) @ rng.normal(size=(4, 8)) + rng.normal(size=(20, 8))}
        for s in range(3)
    }
    return models, brains


@pytest.mark.parametrize("metric", ["rsa", "procrustes"])
def test_a_universal_world_is_told_from_one_in_which_brains_are_apart(metric):
    one = cs.align(*world(0, True), metric, permutations=99, bootstraps=100).isel(metric=0, region=0)
    assert float(one["universality"]) > 0.5
    assert float(one["universality_p"]) < 0.05
    assert (
        float(one["universality_low"]) < float(one["universality"]) < float(one["universality_high"]) + 0.05
    )
    p = [
        float(
            cs.align(*world(seed, False), metric, permutations=19, bootstraps=100, seed=seed)[
                "universality_p"
            ][0, 0]
        )
        for seed in range(12)
    ]
    assert (np.array(p) <= 0.05).sum() <= 3
    assert 0.3 < np.mean(p) < 0.7
