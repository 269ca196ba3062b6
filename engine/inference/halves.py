"""Balanced half-samples: the standard error of statistics that the jackknife errs on.

Distances to nearest neighbours change for many samples when a few are left out, and the jackknife takes that for
sampling error: of an intrinsic dimension it gives 1.5 to 2 times the true one. Two halves of the samples share no
neighbours. They are independent samples of half the size, so the square of the difference of their two scores tells
the variance, whatever the statistic, if that goes as 1/n.
"""

from itertools import count

import numpy as np


def half_samples(groups: int) -> np.ndarray:
    """Splits of the groups into two halves, (splits, groups) of bool, in which any two groups are balanced.

    The rows of a Hadamard matrix (Paley's, from the squares modulo a prime 4m - 1) but for the constant one, cut to so
    many groups: with 4m groups 4m - 1 splits into equal halves, each pair of groups together in 2m - 1 of them.
    """
    prime = next(p for p in count(3, 4) if p + 1 >= groups and all(p % q for q in range(2, p)))
    squares = {x * x % prime for x in range(1, prime)}
    splits = [[(column - row) % prime in squares for column in range(prime)] + [True] for row in range(prime)]
    masks = np.array(splits)[:, :groups]
    return masks[masks.any(axis=1) & ~masks.all(axis=1)]


def smallest_half(groups: int) -> float:
    """The share of the groups in the smallest half of any split; 1 where there is no split."""
    shares = half_samples(groups).mean(axis=1)
    return float(min([1.0, *shares, *(1 - shares)]))


def half_sample_error(one: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Standard error from the scores of both halves of each split, along the first axis; `share` of samples in `one`.

    se² = mean over splits of share (1 - share) (θ_one - θ_other)², with as many degrees of freedom as there are groups,
    less one. NaN where a score is NaN or there is no split. Source: McCarthy 1969; Wolter 2007, chapter 3.
    """
    if not len(share):
        return np.full(one.shape[1:], np.nan)
    weight = (share * (1 - share)).reshape(-1, *[1] * (one.ndim - 1))
    return np.sqrt((weight * (one - other) ** 2).mean(axis=0))
