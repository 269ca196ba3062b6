"""What unrelated samples would score: moments of a score under permutation of the samples, and p-values from them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

TIE = 1e-8  # of the null's standard deviation: scores that differ by less are equal but for rounding


def orders(n: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """`count` seeded permutations of n samples: the same ones for every metric, so that their draws belong together."""
    rng = np.random.default_rng([seed, 1])
    return (rng.permutation(n) for _ in range(count))


@dataclass(frozen=True)
class Null:
    """Mean, standard deviation and skewness of a score when the rows of one side are permuted at random.

    Of a score that takes few values, such as a share of so many samples, `step` is what lies between two of them.
    """

    mean: np.ndarray
    sd: np.ndarray
    skew: np.ndarray
    step: np.ndarray | float = 0.0

    def scaled(self, factor: np.ndarray | float) -> "Null":
        """The null of the statistic divided by a constant of the pair (the denominator of a ratio)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return Null(self.mean / factor, self.sd / factor, self.skew, self.step / factor)

    def __add__(self, other: "Null") -> "Null":
        """The null of the sum of two statistics whose samples are permuted independently."""
        sd = np.hypot(self.sd, other.sd)
        with np.errstate(invalid="ignore", divide="ignore"):
            skew = (self.skew * self.sd**3 + other.skew * other.sd**3) / sd**3
        return Null(self.mean + other.mean, sd, np.nan_to_num(skew))

    def z(self, score: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return (score - self.mean) / self.sd

    def p(self, score: np.ndarray, direction: str) -> np.ndarray:
        """One-sided p by a Pearson type III distribution with these three moments.

        A value that the score takes stands for all within half a step of it, so that it is half a step less that
        unrelated samples must reach: else the p of a share of few samples would be too small.
        """
        similar = direction == "similarity"
        z = self.z(score - self.step / 2 if similar else score + self.step / 2)
        tail = stats.pearson3.sf if similar else stats.pearson3.cdf
        return np.where(np.isfinite(z), tail(z, np.where(np.isfinite(self.skew), self.skew, 0.0)), np.nan)

    def threshold(self, direction: str, level: float = 0.95) -> np.ndarray:
        """The score that `level` of unrelated samples do not reach: beyond it `p` is below 1 - `level`."""
        similar = direction == "similarity"
        quantile = stats.pearson3.ppf(level if similar else 1 - level, self.skew)
        return self.mean + self.sd * quantile + (self.step / 2 if similar else -self.step / 2)


def calibrated(score: np.ndarray, threshold: np.ndarray, best: float) -> np.ndarray:
    """max(0, (s - τ)/(s_max - τ)), τ the 95 % point of the null (Gröger 2026). 1 for identical representations."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.maximum(0.0, (score - threshold) / (best - threshold))


def from_permutations(draws: np.ndarray, score: np.ndarray, direction: str) -> tuple[Null, np.ndarray]:
    """The null and the p-values from `draws` (permutations, …): p = (1 + #{draws at least as good}) / (1 + draws).

    A draw that is not defined counts as at least as good.
    """
    tie = TIE * np.nan_to_num(draws.std(axis=0))
    worse = draws < score - tie if direction == "similarity" else draws > score + tie
    p = np.where(np.isfinite(score), (1 + (~worse).sum(axis=0)) / (1 + len(draws)), np.nan)
    sd = draws.std(axis=0, ddof=1) if len(draws) > 1 else np.full(score.shape, np.nan)
    return Null(draws.mean(axis=0), sd, np.zeros_like(score)), p


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """p corrected for the expected share of false discoveries over all finite entries (Benjamini and Hochberg 1995)."""
    q = np.full(p.shape, np.nan)
    finite = np.isfinite(p)
    if finite.any():
        q[finite] = stats.false_discovery_control(p[finite])
    return q
