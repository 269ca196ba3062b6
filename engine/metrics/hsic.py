"""The Hilbert-Schmidt independence criterion, from sums over pairs of samples, and what its ratios are divided by."""

from dataclasses import dataclass, field

import numpy as np

from consilience.engine.inference.matrix_null import centred_gram, u_centred
from consilience.engine.inference.null import Null
from consilience.engine.passes.sums import Sums


@dataclass(frozen=True)
class Hsic:
    """The criterion of all pairs of R representations, on S row subsets; a sum over classes or batches, if need be.

    Attributes:
        n: (S,) number of samples.
        value: (S, R, R).
        own: (S, R) self terms, for the denominator.
        moments: subset -> the null of `value` on it.
    """

    n: np.ndarray
    value: np.ndarray
    own: np.ndarray
    moments: dict[int, Null] = field(default_factory=dict)

    def at(self, subset: int) -> "Hsic":
        """Of one subset alone, with S = 1."""
        one = slice(subset, subset + 1)
        return Hsic(self.n[one], self.value[one], self.own[one], {0: self.moments[subset]})

    def __add__(self, other: "Hsic") -> "Hsic":
        """Over the samples of both, which are permuted apart."""
        moments = {k: null + other.moments[k] for k, null in self.moments.items()}
        return Hsic(self.n + other.n, self.value + other.value, self.own + other.own, moments)

    @property
    def unit(self) -> np.ndarray:
        """sqrt of the product of the two self terms, (S, R, R); NaN where one is not positive."""
        return root(self.own)


def hsic(s: Sums, estimator: str) -> np.ndarray:
    """The criterion of all pairs, (S, R, R), up to a factor common to all pairs.

    biased: tr(K H L H). unbiased, with K̃ the Gram matrix without its diagonal:
    tr(K̃L̃) + 1'K̃1 1'L̃1 / ((n-1)(n-2)) - 2/(n-2) 1'K̃L̃1; NaN for n < 4.
    """
    n = s.n[:, None, None].astype(np.float64)
    if estimator == "biased":
        rows = s.rows + s.diag_rows + s.diag_rows.transpose(0, 2, 1) + s.diag
        total = s.total + s.trace
        n = np.where(n > 0, n, np.nan)
        return s.cross + s.diag - 2 * rows / n + total[:, :, None] * total[:, None, :] / n**2
    with np.errstate(divide="ignore", invalid="ignore"):
        value = (
            s.cross + s.total[:, :, None] * s.total[:, None, :] / ((n - 1) * (n - 2)) - 2 * s.rows / (n - 2)
        )
    return np.where(n >= 4, value, np.nan)


def measured(s: Sums, estimator: str, at: tuple[int, ...] = ()) -> Hsic:
    """The criterion and its self terms, with the null on the subsets `at`; the unbiased one over its n(n-3).

    unbiased_both: each self term less those of single units, times p / (p - 1) for p units; NaN for a single unit.
    """
    value = hsic(s, estimator)
    own = np.diagonal(value, axis1=-2, axis2=-1)
    if estimator != "biased":
        own = np.where(np.abs(own) > _rounding(s), own, 0.0)
    if estimator == "unbiased_both":
        assert s.units is not None
        assert s.width is not None
        own = (own - s.units) * s.width / np.where(s.width > 1, s.width - 1, np.nan)
    moments = {k: _moments(s.at(k), estimator) for k in at}
    if estimator == "biased":
        return Hsic(s.n, value, own, moments)
    unit = (s.n * (s.n - 3.0))[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return Hsic(s.n, value / unit[:, :, None], own / unit, moments)


def _rounding(s: Sums) -> np.ndarray:
    """(S, R): up to what rounding leaves of unbiased self terms that are 0, as where one sample alone is apart.

    By moments the sums without diagonals are what is left of those with them.
    """
    n = s.n[:, None].astype(np.float64)
    cross, rows, diag, mixed = (
        np.diagonal(x, axis1=-2, axis2=-1) for x in (s.cross, s.rows, s.diag, s.diag_rows)
    )
    total = (np.abs(s.total) + s.trace) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = cross + diag + total / ((n - 1) * (n - 2)) + 2 * (rows + 2 * np.abs(mixed) + diag) / (n - 2)
    return np.where(n >= 4, n * np.finfo(np.float64).eps * terms, 0.0)


def _moments(s: Sums, estimator: str) -> Null:
    """The null on one subset; of 0 where there are too few samples."""
    n = float(s.n[0])
    if n < 4:
        return Null(*(np.zeros(s.cross.shape[1:]) for _ in range(3)))
    return centred_gram(s) if estimator == "biased" else u_centred(s).scaled(n * (n - 3))


def root(own: np.ndarray, least: np.ndarray | float = 0.0) -> np.ndarray:
    """sqrt of the product of two self terms, (…, R) -> (…, R, R); NaN where one is not above `least`."""
    positive = np.where(own > least, own, np.nan)
    return np.sqrt(positive[..., :, None] * positive[..., None, :])


def normaliser(products: np.ndarray, least: np.ndarray | float = 0.0) -> np.ndarray:
    """The root of the diagonal of the products of all pairs, (…, R, R); NaN where one is not above `least`."""
    return root(np.diagonal(products, axis1=-2, axis2=-1), least)
