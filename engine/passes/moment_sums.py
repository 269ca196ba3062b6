"""The second-order sums of the linear kernel, from moments: no n×n matrix, not even by tiles.

With k_ij = x_i'x_j for i ≠ j, q_i = ‖x_i‖² and s = Σ x_i: r_i = x_i's - q_i, and tr(K L) = ‖X'Y‖² - Σ q_i p_i.
"""

from collections.abc import Sequence

import numpy as np
import torch

from consilience.engine.inference.subsets import Groups, Subsets
from consilience.engine.passes.moments import Pair, State
from consilience.engine.passes.sums import Sums


def empty(groups: Groups, subsets: Subsets, representations: int) -> Sums:
    """Sums to be filled in; pairs that are not wanted stay NaN."""
    shape = (subsets.count, representations, representations)
    cross, rows, diag, diag_rows = (np.full(shape, np.nan) for _ in range(4))
    total, trace = (np.full(shape[:2], np.nan) for _ in range(2))
    third = np.full(shape[1], np.nan)
    return Sums(subsets.masks @ groups.sizes, cross, rows, diag, diag_rows, total, trace, third)


def fill(sums: Sums, state: State, pairs: Sequence[Pair], masks: np.ndarray) -> None:
    """Enter the pairs of `state` into `sums`, both ways round, for every mask (subset, group).

    Nothing of the size of the moments is made for a subset: products of the groups' moments are summed up instead.
    """
    masks = masks.astype(np.float64)
    for a, b in pairs:
        z = np.stack([state[g, a, b] for g in range(masks.shape[1])])
        m = np.ascontiguousarray(z[:, 2:, 2:])
        flat = torch.from_numpy(m.reshape(len(m), -1))
        inner = (flat @ flat.T).numpy()  # <M_g, M_h>
        x, y = masks @ z[:, 2:, 0], masks @ z[:, 0, 2:]  # Σ x_i, Σ y_i
        qp, qy, px = masks @ z[:, 1, 1], masks @ z[:, 1, 2:], masks @ z[:, 2:, 1]
        through = sum(masks[:, g] * ((x @ m[g]) * y).sum(axis=1) for g in range(len(m)))  # x'M y
        qys, pxs = (qy * y).sum(axis=1), (px * x).sum(axis=1)
        cross = ((masks @ inner) * masks).sum(axis=1) - qp
        sums.cross[:, a, b] = sums.cross[:, b, a] = cross
        sums.rows[:, a, b] = sums.rows[:, b, a] = through - pxs - qys + qp
        sums.diag[:, a, b] = sums.diag[:, b, a] = qp
        sums.diag_rows[:, a, b], sums.diag_rows[:, b, a] = qys - qp, pxs - qp
        if a == b:
            trace = masks @ z[:, 1, 0]
            sums.total[:, a], sums.trace[:, a] = (x**2).sum(axis=1) - trace, trace
            if sums.third is not None:
                sums.third[a] = _third(m.sum(axis=0), z[:, 2:, 0].sum(axis=0), z[:, 0, 0].sum())


def _third(m: np.ndarray, x: np.ndarray, n: float) -> float:
    """tr((X'HX)³)/n³: the closed triples of the centred kernel, but for the few with a repeated sample."""
    c = torch.from_numpy(m - np.outer(x, x) / n)
    return float(((c @ c) * c).sum() / n**3)
