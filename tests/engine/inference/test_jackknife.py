"""Standard errors and intervals: they cover the value of the population as often as they say."""

import numpy as np
import pytest

from consilience.engine.inference.jackknife import standard_error
from consilience.engine.inference.subsets import deal, subsets


def test_standard_error_of_a_mean():
    """With one sample a group the jackknife of a mean is the textbook formula."""
    x = np.random.default_rng(0).normal(size=30)
    leave_out = np.array([np.delete(x, i).mean() for i in range(30)])
    assert abs(standard_error(leave_out) - x.std(ddof=1) / np.sqrt(30)) < 1e-12


def test_fewer_than_two_groups_have_no_error():
    assert np.isnan(standard_error(np.ones((1, 2)))).all()
    assert np.isnan(standard_error(np.array([[1.0], [np.nan]]))).all()


@pytest.mark.parametrize(("n", "count"), [(4, 20), (100, 20), (25_000, 20), (300_000, 10)])
def test_every_row_is_dealt_once(n, count):
    groups = deal(n, count, seed=3)
    assert groups.count == min(n, count)
    np.testing.assert_array_equal(np.sort(groups.order), np.arange(n))
    assert np.ptp(groups.sizes) <= 1
    assert (deal(n, count, seed=3).order == groups.order).all()


def test_the_subsets():
    chosen = subsets(6)
    assert chosen.masks[chosen.full].all()
    assert (chosen.masks[chosen.leave_out].sum(axis=1) == 5).all()
    assert not (chosen.masks[chosen.select] & chosen.masks[chosen.holdout]).any()
    assert (chosen.masks[chosen.holdout_leave_out].sum(axis=1) == 2).all()
    assert not chosen.masks[chosen.holdout_leave_out][:, :3].any()
    assert subsets(6, se=False).count == 3
    assert subsets(1).count == 1
