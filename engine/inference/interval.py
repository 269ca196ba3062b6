"""The confidence interval of a jackknifed score."""

import numpy as np
from numpy.typing import ArrayLike


def interval(
    score: ArrayLike, se: ArrayLike, groups: ArrayLike, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of ``score ± t(groups - 1) se``, with t the two-sided quantile of Student's t at
    `level`.

    The three arguments broadcast. `groups` is the number of row groups that the delete-a-group jackknife left
    out in turn; where it is under 2 there is no error, and both ends are NaN, as they are where `score` or
    `se` is.
    """
    score, se = np.asarray(score, dtype=np.float64), np.asarray(se, dtype=np.float64)
    half = quantile(groups, level) * se
    return score - half, score + half


def quantile(groups: ArrayLike, level: float = 0.95) -> np.ndarray:
    """The factor of the standard error: Student's t at (1 + level) / 2 with groups - 1 degrees of freedom."""
    # scipy.stats takes half a second to import; this is the same function without it.
    from scipy.special import stdtrit

    freedom = np.asarray(groups, dtype=np.float64) - 1
    return stdtrit(np.where(freedom >= 1, freedom, np.nan), (1 + level) / 2)
