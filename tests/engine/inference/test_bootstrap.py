"""Subjects drawn with replacement, beside the definition, and how often the interval holds the truth."""

import numpy as np
import pytest
from scipy import stats

from consilience.engine.alignment.over_subjects import spread
from consilience.engine.inference.bootstrap import studentised


def literal(x: np.ndarray, bootstraps: int, seed: int) -> tuple[float, float]:
    """One draw of subjects at a time."""
    n, mean, se = len(x), x.mean(), stats.sem(x)
    drawn = np.random.default_rng([seed, 11]).multinomial(n, np.full(n, 1 / n), bootstraps)
    t = []
    for times in drawn:
        one = np.repeat(x, times)
        t.append((one.mean() - mean) / stats.sem(one))
    low, high = np.quantile(t, [0.025, 0.975], method="inverted_cdf")
    return mean - high * se, mean - low * se


def test_the_interval_is_that_of_draws_one_by_one():
    values = np.random.default_rng(0).exponential(size=(2, 3, 12)) + 100
    low, high = studentised(values, 300, seed=4)
    for at in np.ndindex(2, 3):
        assert (low[at], high[at]) == pytest.approx(literal(values[at], 300, 4), rel=1e-9)


def test_who_lacks_a_region_is_drawn_without_it():
    values = np.random.default_rng(1).normal(size=(2, 15))
    values[0, 3] = np.nan
    low, high = studentised(values, 500, seed=0)
    alone = studentised(values[1:], 500, seed=0)
    assert (low[1], high[1]) == pytest.approx((alone[0][0], alone[1][0]))
    assert low[0] < np.nanmean(values[0]) < high[0]


def test_of_few_subjects_there_is_none_and_all_alike_have_no_width():
    values = np.random.default_rng(2).normal(size=(2, 8))
    values[0, 5:] = np.nan
    low, high = studentised(values, 200, seed=0)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, False]
    low, high = studentised(np.full((1, 8), 0.3), 200, seed=0)
    assert low == high == pytest.approx(0.3)
    few = np.full((1, 19), np.nan)
    few[0, ::3] = values[1, :7]  # draws without any of these seven come up too
    assert np.isfinite(studentised(few, 5000, seed=0)).all()


@pytest.mark.parametrize("subjects", [6, 19])
@pytest.mark.parametrize(("draw", "mean"), [("normal", 0.0), ("exponential", 1.0)])
def test_95_percent_of_intervals_hold_the_mean(subjects, draw, mean):
    """Of 2,000 simulated studies each; the two quantiles of so many have an error of 0.5 %."""
    values = getattr(np.random.default_rng(3), draw)(size=(2000, subjects))
    low, high = studentised(values, 1000, seed=0)
    held = ((low <= mean) & (mean <= high)).mean()
    by_t = np.logical_and(
        *(side * (end - mean) >= 0 for side, end in zip((-1, 1), spread(values).interval()))
    ).mean()
    assert 0.92 < held < 0.98
    if draw == "exponential":
        assert held > by_t + 0.01, "t covers too few where scores are skewed"
