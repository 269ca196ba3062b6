"""Subjects as a random effect: means with intervals that speak of other subjects, and paired differences."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from consilience.engine.inference.interval import interval


@dataclass(frozen=True)
class Spread:
    """Mean over subjects, its standard error (NaN of fewer than two), and how many subjects there are."""

    mean: np.ndarray
    se: np.ndarray
    count: np.ndarray

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """mean ± t(count - 1) se at 95 %."""
        return interval(self.mean, self.se, self.count)

    @property
    def t(self) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.mean / self.se

    def p_above(self) -> np.ndarray:
        """One-sided: of a mean of 0 or below."""
        return _defined(stats.t.sf, self.t, self.count)

    def p_apart(self) -> np.ndarray:
        """Two-sided: of a mean of 0."""
        return 2 * _defined(stats.t.sf, np.abs(self.t), self.count)


def spread(values: np.ndarray) -> Spread:
    """Of values (…, subjects), over those that have one."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=-1) / count
        squares = np.where(known, values - mean[..., None], 0.0) ** 2
        se = np.sqrt(squares.sum(axis=-1) / (count - 1) / count)
    return Spread(mean, np.where(count > 1, se, np.nan), count)


def differences(values: np.ndarray) -> np.ndarray:
    """Of values (…, models, subjects) those of each model less those of each other: (…, models, models, subjects)."""
    return values[..., :, None, :] - values[..., None, :, :]


def holm(p: np.ndarray) -> np.ndarray:
    """p (models, models), symmetric, corrected for the number of pairs of models (Holm 1979).

    The i-th smallest of m becomes the largest of (m - k + 1) p_k over k <= i, at most 1.
    """
    rows, columns = np.triu_indices(len(p), 1)
    known = np.isfinite(p[rows, columns])
    rows, columns = rows[known], columns[known]
    values = p[rows, columns]
    order = np.argsort(values)
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected = np.full(p.shape, np.nan)
    found = np.empty(len(values))
    found[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    corrected[rows, columns] = corrected[columns, rows] = found
    return corrected


def _defined(tail: object, t: np.ndarray, count: np.ndarray) -> np.ndarray:
    freedom = np.where(count > 1, count - 1, np.nan)
    found: np.ndarray = tail(t, freedom)  # type: ignore[operator]
    return found
