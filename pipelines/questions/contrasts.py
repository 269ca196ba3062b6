"""Contrasts of scores over the same samples: their error, interval and p from the jackknife over row groups."""

from dataclasses import dataclass

import numpy as np

from consilience.engine.inference.interval import quantile
from consilience.engine.inference.jackknife import standard_error


@dataclass(frozen=True)
class Contrast:
    """A value with its standard error, its 95 % interval and a two-sided p against 0, by Student's t with groups - 1
    degrees of freedom."""

    value: float
    se: float
    low: float
    high: float
    p: float


def contrast(value: float, se: float, groups: int) -> Contrast:
    """Of a value whose error is that of a jackknife over so many row groups."""
    from scipy.special import stdtr

    half = float(quantile(groups)) * se
    p = np.nan
    if groups > 1 and np.isfinite(se):
        p = float(2 * stdtr(groups - 1, -abs(value) / se)) if se > 0 else float(value == 0)
    return Contrast(value, se, value - half, value + half, p)


def from_left_out(value: float, without: np.ndarray) -> Contrast:
    """Of a statistic of the scores, from its values `without` (G,) each row group in turn."""
    return contrast(value, float(standard_error(without)), len(without))


def weighted(values: np.ndarray, weights: np.ndarray, covariance: np.ndarray, groups: int) -> Contrast:
    """Σ w_i s_i of scores (K,) with their (K, K) `covariance` over samples."""
    variance = float(weights @ covariance @ weights)
    return contrast(float(weights @ values), float(np.sqrt(max(variance, 0.0))), groups)
