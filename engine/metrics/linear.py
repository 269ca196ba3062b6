"""What the first-order metrics share: covariances of a subset of rows, and their eigendecomposition."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import lapack

# Reciprocal condition number of a Gram matrix above which no digit that matters is lost by its Cholesky factor.
WELL = 1e-7


@dataclass(frozen=True)
class Own:
    """One representation on one subset: its Gram matrix over units, Xc'Xc (d, d), and n.

    X is the features times `scale`, which keeps products in range: it matters to what is not free of scale. Where rows
    are set aside, `test` is their Σ (x - x̄)(x - x̄)', x̄ the mean of the n.
    """

    gram: np.ndarray
    n: int
    scale: float = 1.0
    test: np.ndarray | None = None

    @property
    def trace(self) -> float:
        """‖Xc‖², the total variance times n."""
        return float(np.trace(self.gram))

    @cached_property
    def eigen(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues, largest first, and eigenvectors in columns; those that are zero but for rounding left out."""
        values, vectors = (found[..., ::-1] for found in np.linalg.eigh(self.gram))
        keep = self._above_rounding(values)
        return values[keep], np.ascontiguousarray(vectors[:, keep])

    @cached_property
    def whitener(self) -> np.ndarray:
        """B (d, rank) with B'Xc'Xc B = 1.

        The inverse of the Cholesky factor, a tenth of the work of `eigen`; or from that, where some direction is near
        rounding.
        """
        factor, failed = lapack.dpotrf(self.gram, clean=1)
        if not failed and lapack.dpocon(factor, np.linalg.norm(self.gram, 1))[0] > WELL:
            return np.asarray(lapack.dtrtri(factor)[0])
        values, vectors = self.eigen
        return np.asarray(vectors / np.sqrt(values))

    def leading(self, variance: float) -> int:
        """How many of the leading principal components explain that share of the variance, at the fewest."""
        values, _ = self.eigen
        return min(int(np.searchsorted(np.cumsum(values) / values.sum(), variance)) + 1, len(values))

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """Those of `eigen` alone, in a fraction of its time."""
        values = np.linalg.eigvalsh(self.gram)[::-1]
        return values[self._above_rounding(values)]

    def _above_rounding(self, values: np.ndarray) -> np.ndarray:
        return values > max(values[0], 0.0) * max(self.n, len(values)) * np.finfo(np.float64).eps


class Cross(ABC):
    """Xc'Yc (d1, d2) on one subset, `matrix`, or what maps on either side make of it.

    `precise`: whether the last digits of its decompositions matter. They do for scores. For a standard error or a null,
    singular values below 1e-8 of the largest may be lost, and the decomposition takes a third of the time. `test`
    (d1, d2) is that of rows set aside, about the means of the others.
    """

    matrix: np.ndarray
    precise: bool
    test: np.ndarray | None

    @abstractmethod
    def between(self, left: np.ndarray | None, right: np.ndarray | None) -> np.ndarray:
        """left'Xc'Yc right; None: 1."""

    @property
    @abstractmethod
    def transposed(self) -> "Cross":
        """Yc'Xc."""

    @cached_property
    def _found(self) -> dict[tuple[int, int], tuple[np.ndarray | None, np.ndarray | None, np.ndarray]]:
        """Singular values by the identity of the maps, and those, so that their identity stays theirs."""
        return {}

    def singular_values(self, left: np.ndarray | None = None, right: np.ndarray | None = None) -> np.ndarray:
        """Of left'Xc'Yc right, largest first; made once, however many metrics begin with the same maps."""
        key = id(left), id(right)
        if key not in self._found:
            self._found[key] = left, right, self._singular_values(left, right)
        return self._found[key][2]

    def _singular_values(self, left: np.ndarray | None, right: np.ndarray | None) -> np.ndarray:
        m = self.between(left, right)
        m = m if m.shape[0] <= m.shape[1] else m.T
        if not self.precise:
            return np.sqrt(np.maximum(np.linalg.eigvalsh(m @ m.T), 0.0))[::-1]
        if m.shape[1] > 1.5 * m.shape[0]:
            m = np.asarray(np.linalg.qr(m.T, mode="r"))  # the same singular values, in a square matrix
        return np.linalg.svd(m, compute_uv=False)

    def left_singular(
        self, left: np.ndarray | None = None, right: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Left singular vectors of left'Xc'Yc right, in columns, and the singular values, largest first."""
        m = self.between(left, right)
        if self.precise or m.shape[0] > m.shape[1]:
            u, values, _ = np.linalg.svd(m, full_matrices=False)
            return u, values
        squares, u = (found[..., ::-1] for found in np.linalg.eigh(m @ m.T))
        return u, np.sqrt(np.maximum(squares, 0.0))


@dataclass(frozen=True)
class CrossOfMoments(Cross):
    """From the matrix itself."""

    matrix: np.ndarray
    precise: bool = True
    test: np.ndarray | None = None

    @property
    def transposed(self) -> Cross:
        return CrossOfMoments(self.matrix.T, self.precise, None if self.test is None else self.test.T)

    def between(self, left: np.ndarray | None, right: np.ndarray | None) -> np.ndarray:
        """Multiplied in the order that takes less: with few columns on one side that is first."""
        given = [None if left is None else left.T, self.matrix, right]
        factors = [x for x in given if x is not None]
        return np.linalg.multi_dot(factors) if len(factors) > 1 else self.matrix
