"""Exact permutation moments of Σ_ij w_ij v_π(i)π(j), the statistic behind CKA, RSA and neighbour overlap.

Rows and columns of one matrix are permuted together. Means and variances are exact. The skewness is that of the limit
for many samples, a weighted sum of chi-squared variables, and only shapes the tail.
"""

import numpy as np

from consilience.engine.inference.null import Null
from consilience.engine.passes.sums import Sums


def _outer(left: np.ndarray, right: np.ndarray | None = None) -> np.ndarray:
    """(R,) x (R,) -> (R, R)."""
    return np.multiply.outer(left, left if right is None else right)


def centred_gram(s: Sums) -> Null:
    """The null of tr(K H L H) for one subset of rows, (R, R).

    With W = HKH, T = tr W, T2 = tr W², S2 = Σ W_ii²: mean = T T*/(n-1) and the variance of Kazi-Aoual 1995.
    """
    n = float(s.n[0])
    diag, rows, diag_rows, cross = (np.diagonal(m[0]) for m in (s.diag, s.rows, s.diag_rows, s.cross))
    all_rows = s.total[0] + s.trace[0]  # 1'K1 with the diagonal
    square = rows + 2 * diag_rows + diag  # Σ ρ_i², ρ = row sums with the diagonal
    t = s.trace[0] - all_rows / n
    t2 = cross + diag - 2 * square / n + (all_rows / n) ** 2
    m = all_rows / n**2
    # W_ii = k_ii - 2 ρ_i / n + m
    s2 = (
        diag
        + 4 * square / n**2
        + n * m**2
        - 4 * (diag_rows + diag) / n
        + 2 * m * s.trace[0]
        - 4 * m * all_rows / n
    )
    first = (n - 1) * t2 - t**2
    second = n * (n + 1) * s2 - (n - 1) * (t**2 + 2 * t2)
    variance = 2 * _outer(first) / ((n - 1) ** 2 * (n + 1) * (n - 2))
    variance += _outer(second) / ((n + 1) * n * (n - 1) * (n - 2) * (n - 3))
    sd = np.sqrt(np.maximum(variance, 0))
    return Null(_outer(t) / (n - 1), sd, _skew(n, s.third, None, sd))


def u_centred(s: Sums) -> Null:
    """The null of unbiased HSIC times n(n-3), for one subset of rows: mean 0, variance 2 T2 T2* / (n(n-3)).

    The U-centred matrix has zero diagonal and zero row sums, so T = S2 = 0 in the formula of `centred_gram`, and what
    is left collapses to this. T2 is n(n-3) times the unbiased HSIC of the representation with itself.
    """
    n = float(s.n[0])
    rows, cross = np.diagonal(s.rows[0]), np.diagonal(s.cross[0])
    t2 = cross - 2 * rows / (n - 2) + s.total[0] ** 2 / ((n - 1) * (n - 2))
    sd = np.sqrt(np.maximum(2 * _outer(t2) / (n * (n - 3)), 0))
    return Null(np.zeros_like(sd), sd, _skew(n, s.third, None, sd))


def upper_triangle(s: Sums) -> Null:
    """The null of Σ_{i≠j} a_ij b_ij for two distance matrices, each less its mean: mean 0, exact variance.

    Pairs of entries share both, one or no sample; Mantel 1967, and Hubert 1987 for the sums.
    """
    n = float(s.n[0])
    entries = n * (n - 1)
    rows, cross, total = np.diagonal(s.rows[0]), np.diagonal(s.cross[0]), s.total[0]
    same = cross - total**2 / entries
    paths = rows - total**2 / n - same
    apart = -2 * same - 4 * paths
    variance = 2 * _outer(same) / entries + 4 * _outer(paths) / (entries * (n - 2))
    variance += _outer(apart) / (entries * (n - 2) * (n - 3))
    sd = np.sqrt(np.maximum(variance, 0))
    return Null(np.zeros_like(sd), sd, _skew(n, s.third, s.bend, sd))


def _skew(n: float, third: np.ndarray | None, bend: np.ndarray | None, sd: np.ndarray) -> np.ndarray:
    """Third cumulant over sd³: 8 n³ t t* from the degenerate part, 24 n⁴ b b* from its interplay with row effects.

    At most what a single chi-squared variable has (2√2): sampling error of `third` must not leave the possible range.
    """
    if third is None:
        return np.zeros_like(sd)
    cumulant = 8 * n**3 * _outer(third)
    if bend is not None:
        cumulant = cumulant + 24 * n**4 * _outer(bend)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(np.clip(cumulant / sd**3, -2 * np.sqrt(2), 2 * np.sqrt(2)))
