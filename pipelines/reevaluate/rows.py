"""What two runs of a study both score, one row a score, whatever the study is of: its change, and how sure that is."""

from dataclasses import dataclass

import numpy as np

from consilience.engine.inference.interval import quantile


@dataclass(frozen=True)
class Compared:
    """Scores that both tables have, each array with one entry a score.

    A score is named by its `metric`, `a` and `b`, which are of `model_a` and `model_b`: of a zoo two representations,
    of a symmetric metric every pair once; of brains a model and a region. `se` is the error of the change, with
    `groups` - 1 degrees of freedom; `paired`: what both scores have in common dropped out of it. `same`: nothing that
    decides the score has changed. `off` is how far the numbers lie apart that the score is the mean of, at most: of a
    zoo the change itself.
    """

    metric: np.ndarray
    a: np.ndarray
    b: np.ndarray
    model_a: np.ndarray
    model_b: np.ndarray
    before: np.ndarray
    after: np.ndarray
    se: np.ndarray
    groups: np.ndarray
    off: np.ndarray
    paired: np.ndarray
    same: np.ndarray

    @property
    def change(self) -> np.ndarray:
        return np.asarray(self.after - self.before)

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """The ends of the 95 % interval of every change."""
        half = quantile(self.groups) * self.se
        return self.change - half, self.change + half

    def p(self) -> np.ndarray:
        """Two-sided, by Student's t with groups - 1 degrees of freedom, of no change."""
        from scipy.special import stdtr

        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(self.change) / self.se
        t = np.where((self.se == 0) & (self.change == 0), 0.0, t)
        return np.asarray(np.where(np.isnan(t) | (self.groups < 2), np.nan, 2 * stdtr(self.groups - 1, -t)))
