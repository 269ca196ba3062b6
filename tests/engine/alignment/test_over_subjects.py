"""Means over subjects, paired differences, and their correction."""

import numpy as np
import pytest
import reference_alignment as reference
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from consilience.engine.alignment.choice import held_out
from consilience.engine.alignment.over_subjects import differences, holm, spread


@given(subjects=st.integers(2, 9), seed=st.integers(0, 2**32 - 1))
def test_the_interval_and_p_are_those_of_the_t_test(subjects, seed):
    values = np.random.default_rng(seed).normal(0.2, 1, size=(2, subjects))
    over = spread(values)
    low, high = over.interval()
    for k in range(2):
        np.testing.assert_allclose((over.mean[k], low[k], high[k]), reference.t_interval(values[k]))
        two = stats.ttest_1samp(values[k], 0).pvalue
        one = stats.ttest_1samp(values[k], 0, alternative="greater").pvalue
        np.testing.assert_allclose((over.p_apart()[k], over.p_above()[k]), (two, one))
    apart = spread(differences(values))
    paired = stats.ttest_rel(values[0], values[1])
    assert abs(apart.p_apart()[0, 1] - paired.pvalue) < 1e-12
    assert abs(apart.mean[0, 1] - (values[0] - values[1]).mean()) < 1e-12
    np.testing.assert_allclose(apart.mean, -apart.mean.T)


def test_subjects_without_a_value_are_left_out():
    values = np.array([[0.1, np.nan, 0.4, 0.3], [np.nan, np.nan, np.nan, 0.5], [np.nan] * 4])
    over = spread(values)
    low, high = over.interval()
    np.testing.assert_allclose((over.mean[0], low[0], high[0]), reference.t_interval([0.1, 0.4, 0.3]))
    assert over.mean[1] == 0.5
    assert np.isnan([low[1], high[1], over.p_above()[1], over.p_apart()[1]]).all()
    assert np.isnan(over.mean[2])
    assert over.count.tolist() == [3, 1, 0]


@given(models=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_holm(models, seed):
    rng = np.random.default_rng(seed)
    names, p = [str(k) for k in range(models)], np.full((models, models), np.nan)
    pairs = {(names[i], names[j]): float(rng.random() ** 3) for i in range(models) for j in range(i)}
    for (i, j), value in pairs.items():
        p[int(i), int(j)] = p[int(j), int(i)] = value
    got = holm(p)
    for (i, j), want in reference.holm(pairs).items():
        assert got[int(i), int(j)] == got[int(j), int(i)] == pytest.approx(want)
    assert np.isnan(np.diag(got)).all()


def test_holm_passes_over_what_is_undefined():
    p = np.array([[np.nan, 0.01, np.nan], [0.01, np.nan, 0.04], [np.nan, 0.04, np.nan]])
    np.testing.assert_allclose(
        holm(p), [[np.nan, 0.02, np.nan], [0.02, np.nan, 0.04], [np.nan, 0.04, np.nan]]
    )


@pytest.mark.parametrize(("second", "least"), [(0.1, 0.94), (0.29, 0.91)])
def test_the_interval_of_held_out_scores_covers(second, least):
    """A little less often where two layers are about as good, and the choice changes with the subjects."""
    rng, studies = np.random.default_rng(1), 4000
    own = rng.normal(0, 0.05, (studies, 1, 6)) + rng.normal(0, 0.05, (studies, 3, 6))
    held = held_out(np.array([0.3, second, 0.0])[:, None] + own, [np.arange(3)])[1]
    low, high = spread(held).interval()
    covered = (low < held.mean()) & (held.mean() < high)
    assert least < covered.mean() < 0.96
