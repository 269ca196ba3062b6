"""Balanced half-samples: balanced, unbiased, and the error of what the jackknife errs on."""

import numpy as np
import pytest

import consilience as cs
from consilience.engine.inference.halves import half_sample_error, half_samples
from consilience.engine.inference.interval import interval
from consilience.engine.inference.jackknife import standard_error


@pytest.mark.parametrize("groups", [4, 8, 12, 20, 24, 32])
def test_every_two_groups_are_together_as_often_as_any_other_two(groups):
    signs = np.where(half_samples(groups), 1, -1)
    assert signs.shape == (groups - 1, groups)
    assert (signs.sum(axis=1) == 0).all()
    np.testing.assert_array_equal(signs.T @ signs, groups * np.eye(groups) - 1)


@pytest.mark.parametrize("groups", range(1, 26))
def test_no_half_is_empty(groups):
    masks = half_samples(groups)
    assert masks.shape[1] == groups
    assert (masks.any(axis=1) & ~masks.all(axis=1)).all()
    assert len(masks) >= groups - 1


@pytest.mark.parametrize("groups", [4, 12, 20])
def test_the_error_of_a_mean_is_the_textbook_one(groups):
    """With one sample a group, and all halves equal, the sum over splits is the sum of squares itself."""
    x = np.random.default_rng(0).normal(size=(groups, 3))
    masks = half_samples(groups)
    one, other = (np.array([x[m].mean(axis=0) for m in side]) for side in (masks, ~masks))
    error = half_sample_error(one, other, masks.mean(axis=1))
    np.testing.assert_allclose(error, x.std(axis=0, ddof=1) / np.sqrt(groups), rtol=1e-12)
    leave_out = np.array([np.delete(x, g, axis=0).mean(axis=0) for g in range(groups)])
    np.testing.assert_allclose(error, standard_error(leave_out), rtol=1e-12)


def test_halves_of_unequal_size_are_weighed():
    rng = np.random.default_rng(1)
    masks = half_samples(6)
    assert len(set(masks.sum(axis=1))) > 1
    squares = []
    for _ in range(4000):
        x = rng.normal(size=6)
        one, other = (np.array([x[m].mean() for m in side]) for side in (masks, ~masks))
        squares.append(half_sample_error(one, other, masks.mean(axis=1)) ** 2)
    assert np.mean(squares) == pytest.approx(1 / 6, rel=0.05)


def test_what_is_undefined_has_no_error():
    assert np.isnan(half_sample_error(np.empty((0, 2)), np.empty((0, 2)), np.empty(0))).all()
    assert np.isnan(half_sample_error(np.array([1.0, np.nan]), np.array([1.0, 2.0]), np.array([0.5, 0.5])))


def test_coverage_of_the_nominal_95_per_cent():
    """300 samples: the interval holds the mean over draws as often as it says, and the error is the spread of draws."""
    metrics = [
        "intrinsic_dimension", "intrinsic_dimension:method=mle", "uniformity", "participation_ratio", "effective_rank",
        "magnitude", "concentricity",
    ]  # fmt: skip
    rng = np.random.default_rng(3)
    mix = rng.normal(size=(4, 12))
    x = {str(i): rng.normal(size=(300, 4)) @ mix + 0.3 * rng.normal(size=(300, 12)) + 1.5 for i in range(100)}
    table = cs.profile(x, metrics)
    score, se = table["score"].values, table["se"].values
    below, above = interval(score, se, 20)
    mean = score.mean(axis=1, keepdims=True)
    covered = dict(zip(metrics, ((below <= mean) & (mean <= above)).mean(axis=1)))
    errors = dict(zip(metrics, np.sqrt((se**2).mean(axis=1)) / score.std(axis=1, ddof=1)))
    for metric in metrics:
        assert 0.9 <= covered[metric] <= 0.99, (metric, covered[metric])
        assert 0.85 < errors[metric] < 1.25, (metric, errors[metric])
