"""The delete-a-group jackknife: the standard error of any smooth statistic of the samples."""

import numpy as np


def standard_error(leave_out: np.ndarray) -> np.ndarray:
    """Standard error from G leave-one-group-out values, along the first axis.

    se² = (G - 1)/G Σ_g (θ_(g) - mean θ_(·))², with the degrees of freedom G - 1 for an interval. NaN where a
    leave-one-out value is NaN or G < 2. Source: Efron and Tibshirani 1993, chapter 11; Shao and Tu 1995.
    """
    groups = leave_out.shape[0]
    if groups < 2:
        return np.full(leave_out.shape[1:], np.nan)
    spread = leave_out - leave_out.mean(axis=0)
    return np.sqrt((groups - 1) / groups * (spread**2).sum(axis=0))
