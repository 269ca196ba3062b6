"""What every second-order metric needs of the n×n matrices K and L, whichever pass summed it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sums:
    """Sums over n samples of kernel (or distance) matrices of R representations, for each of S row subsets.

    With K, L the matrices of representations a, b without their diagonals, r = K 1 and s = L 1 their row sums:

    Attributes:
        n: (S,) number of samples.
        cross: (S, R, R) tr(K L).
        rows: (S, R, R) r's = 1'K L 1.
        diag: (S, R, R) Σ_i k_ii l_ii.
        diag_rows: (S, R, R) Σ_i k_ii s_i, the diagonal of a with the row sums of b.
        total: (S, R) 1'K 1.
        trace: (S, R) Σ_i k_ii.
        third: (R,) mean over distinct i, j, k of k̃_ij k̃_jk k̃_ki, with k̃ the doubly centred entries: the tail of the
            permutation distribution rests on it, not its mean or variance. From a sample of rows; NaN if not wanted.
        bend: (R,) mean over i ≠ j of α_i k̃_ij α_j, with α the row effects; as `third`.
        units: (S, R) unbiased HSIC, times n(n-3), of every unit alone with itself, summed over units; if wanted.
        width: (R,) how many units there are; with `units`.
        rounding: (S, R) what Σ_ij k_ij² may come to of rounding alone, where entries may all be 0 but for it.
        untied: (R,) of ranks, which are among all samples on every subset: the share of their variance that ties leave.
    """

    n: np.ndarray
    cross: np.ndarray
    rows: np.ndarray
    diag: np.ndarray
    diag_rows: np.ndarray
    total: np.ndarray
    trace: np.ndarray
    third: np.ndarray | None = None
    bend: np.ndarray | None = None
    units: np.ndarray | None = None
    width: np.ndarray | None = None
    rounding: np.ndarray | None = None
    untied: np.ndarray | None = None

    @property
    def entries(self) -> np.ndarray:
        """(S,) ordered pairs of different samples."""
        return self.n * (self.n - 1.0)

    def at(self, subset: int) -> "Sums":
        """The sums of one subset alone, with S = 1."""
        one = slice(subset, subset + 1)
        return Sums(
            self.n[one], self.cross[one], self.rows[one], self.diag[one], self.diag_rows[one],
            self.total[one], self.trace[one], self.third, self.bend,
            None if self.units is None else self.units[one], self.width,
            None if self.rounding is None else self.rounding[one], self.untied,
        )  # fmt: skip
