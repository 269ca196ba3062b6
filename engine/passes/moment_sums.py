"""The second-order sums of the linear kernel, from moments: no n×n matrix, not even by tiles.

With k_ij = x_i'x_j for i ≠ j, q_i = ‖x_i‖² and s = Σ x_i: r_i = x_i's - q_i, and tr(K L) = ‖X'Y‖² - Σ q_i p_i.
"""

from collections.abc import Sequence

import numpy as np

from consilience.engine.inference.subsets import Groups, Subsets
from consilience.engine.passes.moments import Pair, State, over_groups
from consilience.engine.passes.sums import Sums


def empty(groups: Groups, subsets: Subsets, representations: int) -> Sums:
    """Sums to be filled in; pairs that are not wanted stay NaN."""
    shape = (subsets.count, representations, representations)
    cross, rows, diag, diag_rows = (np.full(shape, np.nan) for _ in range(4))
    total, trace = (np.full(shape[:2], np.nan) for _ in range(2))
    third = np.full(shape[1], np.nan)
    return Sums(subsets.masks @ groups.sizes, cross, rows, diag, diag_rows, total, trace, third)


def fill(sums: Sums, state: State, pairs: Sequence[Pair], subsets: Subsets) -> None:
    """Enter the pairs of `state` into `sums`, both ways round."""
    for a, b in pairs:
        for s, z in enumerate(over_groups(state, (a, b), subsets.masks)):
            sums.n[s] = round(z[0, 0])
            x, y = z[2:, 0], z[0, 2:]  # Σ x_i, Σ y_i
            qp, qy, px, m = z[1, 1], z[1, 2:], z[2:, 1], z[2:, 2:]
            sums.cross[s, a, b] = sums.cross[s, b, a] = (m**2).sum() - qp
            sums.rows[s, a, b] = sums.rows[s, b, a] = x @ m @ y - x @ px - qy @ y + qp
            sums.diag[s, a, b] = sums.diag[s, b, a] = qp
            sums.diag_rows[s, a, b] = qy @ y - qp
            sums.diag_rows[s, b, a] = px @ x - qp
            if a == b:
                sums.total[s, a] = x @ x - z[1, 0]
                sums.trace[s, a] = z[1, 0]
                if s == subsets.full and sums.third is not None:
                    sums.third[a] = _third(m, x, z[0, 0])


def _third(m: np.ndarray, x: np.ndarray, n: float) -> float:
    """tr((X'HX)³)/n³: the closed triples of the centred kernel, but for the few with a repeated sample."""
    c = m - np.outer(x, x) / n
    return float(((c @ c) * c).sum() / n**3)
