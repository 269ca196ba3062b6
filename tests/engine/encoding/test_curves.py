"""Curves of many penalties as sums of few functions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import consilience as cs
from consilience.engine.encoding.curves import ERROR, curves


@given(
    low=st.floats(-8, 6), span=st.floats(0, 12), r=st.integers(1, 60), count=st.integers(1, 20),
    dtype=st.sampled_from(list(ERROR)), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_sums_are_the_curves(low, span, r, count, dtype, seed):
    rng = np.random.default_rng(seed)
    values = np.sort(10 ** (low + span * rng.random(r)))
    penalties = np.logspace(-1, 8, count)
    shapes, weights, whole = curves(values, penalties, ERROR[dtype])
    np.testing.assert_allclose(whole, 1 / (values[:, None] + penalties))
    assert shapes.shape[1] == weights.shape[1] <= min(r, count)
    # Where every function is taken nothing is left but rounding, which a wide span multiplies.
    np.testing.assert_allclose(shapes @ weights.T, whole, rtol=max(ERROR[dtype], 1e-9))


def test_of_no_eigenvalue_there_is_no_curve():
    shapes, weights, whole = curves(np.empty(0), np.logspace(0, 5, 4), 1e-6)
    assert (shapes.shape, weights.shape, whole.shape) == ((0, 0), (4, 0), (0, 4))
    rng = np.random.default_rng(0)
    x = np.zeros((12, 2))
    x[0] = rng.normal(
        size=2
    )  # features that vary in the first fold alone, so that nothing is learnt where it is held out
    table = cs.encode(x, rng.normal(size=(12, 3)), folds=3)
    np.testing.assert_array_equal(table["fold_r"].values[0, 0], 0.0)


def test_many_penalties_cost_hardly_more_than_few():
    values = np.linspace(1000, 9000, 500)
    few, many = (curves(values, np.logspace(0, 5, k), 5e-6)[0].shape[1] for k in (10, 100))
    assert few < 10
    assert many <= few + 3


@pytest.mark.parametrize("nested", [True, False])
def test_float32_and_float64_choose_the_same_penalties(nested):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 80)) * np.arange(1, 81) ** -0.7
    y = x @ rng.normal(size=(80, 200)) * np.linspace(0, 2, 200) + rng.normal(size=(600, 200))
    exact, few = (
        cs.encode(x.astype(t), y.astype(t), penalties=np.logspace(-2, 5, 30), nested=nested)
        for t in (float, "f4")
    )
    same = np.isclose(exact["penalty"], few["penalty"])
    assert same.mean() > 0.995
    np.testing.assert_allclose(few["fold_r2"].values[same], exact["fold_r2"].values[same], atol=2e-5)
    np.testing.assert_allclose(few["fold_r"].values[same], exact["fold_r"].values[same], atol=2e-5)
