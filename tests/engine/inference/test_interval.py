"""The interval is score ± t(groups - 1) se."""

import numpy as np
import pytest
from scipy import stats

from consilience.engine.inference.interval import interval, quantile


@pytest.mark.parametrize("groups", [2, 3, 20, 500])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_the_factor_is_the_two_sided_t_quantile(groups: int, level: float) -> None:
    assert quantile(groups, level) == pytest.approx(stats.t.ppf((1 + level) / 2, groups - 1), rel=1e-12)


def test_arguments_broadcast_and_the_score_stands_in_the_middle() -> None:
    score, se, groups = np.array([[0.1, 0.2, 0.3]]), np.array([[0.01], [0.02]]), np.array([[20], [5]])
    low, high = interval(score, se, groups)
    assert low.shape == high.shape == (2, 3)
    np.testing.assert_allclose((low + high) / 2, np.broadcast_to(score, (2, 3)))
    np.testing.assert_allclose(
        (high - low)[:, 0] / 2, [stats.t.ppf(0.975, 19) * 0.01, stats.t.ppf(0.975, 4) * 0.02]
    )


@pytest.mark.parametrize(
    ("score", "se", "groups"), [(np.nan, 0.1, 20), (0.5, np.nan, 20), (0.5, 0.1, 1), (0.5, 0.1, 0)]
)
def test_what_is_missing_gives_no_interval(score: float, se: float, groups: int) -> None:
    assert np.isnan(interval(score, se, groups)).all()
