"""The second-order sums of the linear kernel, from moments: no n×n matrix, not even by tiles.

With k_ij = x_i'x_j for i ≠ j, q_i = ‖x_i‖² and s = Σ x_i: r_i = x_i's - q_i, and tr(K L) = ‖X'Y‖² - Σ q_i p_i.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from consilience.engine.inference.subsets import Groups, Subsets
from consilience.engine.passes import executors
from consilience.engine.passes.executors import Run
from consilience.engine.passes.moment_state import Moments, Pair, State
from consilience.engine.passes.moments import MomentPass
from consilience.engine.passes.sums import Sums

TASK_BYTES, CACHED_BYTES = 64 * 2**20, 4 * 2**20
Products = dict[Pair, tuple[np.ndarray, np.ndarray]]


def empty(groups: Groups, subsets: Subsets, representations: int) -> Sums:
    """Sums to be filled in; pairs that are not wanted stay NaN."""
    shape = (subsets.count, representations, representations)
    cross, rows, diag, diag_rows = (np.full(shape, np.nan) for _ in range(4))
    total, trace = (np.full(shape[:2], np.nan) for _ in range(2))
    return Sums(subsets.masks @ groups.sizes, cross, rows, diag, diag_rows, total, trace)


def fill(
    sums: Sums,
    work: MomentPass,
    state: State,
    masks: np.ndarray,
    run: Run = executors.run,
) -> None:
    """Enter the pairs of `work` into `sums`, both ways round, for every mask (subset, group). `run` executes tasks.

    Nothing of the size of the moments is made for a subset: products of the groups' moments are summed up instead.
    """
    masks = masks.astype(np.float64)
    groups = [state[g] for g in range(masks.shape[1])]
    calls = [(groups, pair, rows) for pair in work.pairs for rows in _parts(groups, pair)]
    products = run(_products, calls, _summed, stage="sums of moments")
    first = np.array([m.first for m in groups])  # (G, f, f)
    for a, b in work.pairs:
        inner, through = products[a, b]
        q, p = work.norm(a), work.norm(b)
        left, right = (np.array([m.left[k] for m in groups]) for k in (a, b))  # (G, f, d)
        x, y = masks @ left[:, 0], masks @ right[:, 0]  # Σ x_i, Σ y_i
        qp = masks @ first[:, q, p]
        qys, pxs = ((masks @ right[:, q]) * y).sum(axis=1), ((masks @ left[:, p]) * x).sum(axis=1)
        cross = ((masks @ inner) * masks).sum(axis=1) - qp
        x_m_y = np.einsum("sh,sg,sk,hgk->s", masks, masks, masks, through, optimize=True)
        sums.cross[:, a, b] = sums.cross[:, b, a] = cross
        sums.rows[:, a, b] = sums.rows[:, b, a] = x_m_y - pxs - qys + qp
        sums.diag[:, a, b] = sums.diag[:, b, a] = qp
        sums.diag_rows[:, a, b], sums.diag_rows[:, b, a] = qys - qp, pxs - qp
        if a == b:
            trace = masks @ first[:, 0, q]
            sums.total[:, a], sums.trace[:, a] = (x**2).sum(axis=1) - trace, trace


def _parts(groups: Sequence[Moments], pair: Pair) -> Iterator[slice]:
    """Rows of the moments of a pair, cut so that there is a task for each of the threads and more."""
    count, width = groups[0].products[pair].shape
    step = max(16, TASK_BYTES // (8 * len(groups) * width))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _products(groups: Sequence[Moments], pair: Pair, rows: slice) -> Products:
    """Those rows' part of <M_g, M_h> (G, G) and of x_h'M_g y_k (G, G, G)."""
    a, b = pair
    x = torch.from_numpy(np.array([m.left[a][0, rows] for m in groups]))
    y = torch.from_numpy(np.array([m.right[b][0] for m in groups]))
    inner = torch.zeros(len(groups), len(groups), dtype=torch.float64)
    through = torch.zeros(len(groups), *inner.shape, dtype=torch.float64)
    step = max(1, CACHED_BYTES // (8 * len(groups) * y.shape[1]))
    for start in range(rows.start, rows.stop, step):
        some = slice(start, min(start + step, rows.stop))
        m = torch.from_numpy(np.stack([group.products[pair][some] for group in groups]))
        flat = m.reshape(len(m), -1)
        inner += flat @ flat.T
        through += torch.tensordot(x[:, start - rows.start : some.stop - rows.start], m @ y.T, ([1], [1]))
    return {pair: (inner.numpy(), through.numpy())}


def _summed(parts: list[Products]) -> Products:
    total: Products = {}
    for part in parts:
        for pair, (inner, through) in part.items():
            before = total.get(pair, (0.0, 0.0))
            total[pair] = inner + before[0], through + before[1]
    return total
