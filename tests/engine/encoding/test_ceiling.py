import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.engine.encoding.ceiling import time_course_ceilings


@given(s=st.integers(2, 6), n=st.integers(5, 30), v=st.integers(1, 4), seed=st.integers(0, 99))
def test_ceilings_are_correlations_with_the_mean_of_the_others_and_of_all(s, n, v, seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, v)) + rng.normal(size=(s, n, v)) * rng.uniform(1, 9, (s, 1, v)) + 5
    lower, upper = time_course_ceilings(y)
    z = [(one - one.mean(axis=0)) / one.std(axis=0) for one in y]
    for k in range(s):
        others = np.mean([z[j] for j in range(s) if j != k], axis=0)
        low = [np.corrcoef(y[k, :, u], others[:, u])[0, 1] for u in range(v)]
        high = [np.corrcoef(y[k, :, u], np.mean(z, axis=0)[:, u])[0, 1] for u in range(v)]
        assert lower[k] == pytest.approx(np.mean(low), abs=1e-9)
        assert upper[k] == pytest.approx(np.mean(high), abs=1e-9)


def test_subjects_who_are_alike_reach_one_and_a_constant_one_has_no_ceiling():
    y = np.random.default_rng(0).normal(size=(20, 3))
    lower, upper = time_course_ceilings(np.stack([y, 2 * y + 1, y]))
    np.testing.assert_allclose([lower, upper], 1.0)
    lower, upper = time_course_ceilings(np.stack([y, y, np.ones_like(y)]))
    np.testing.assert_allclose([lower, upper], [[1, 1, np.nan]] * 2)
