"""Sums over two linear kernels when the samples of one are permuted, from moments: no n×n matrix is held."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from consilience.engine.passes import executors
from consilience.engine.passes.blocks import centred
from consilience.engine.passes.executors import Run
from consilience.engine.passes.moment_state import Pair
from consilience.engine.passes.moments import BLOCK_ROWS, MomentPass, moments
from consilience.engine.passes.permuted import Margins


def crosses_by_moments(
    work: MomentPass,
    batches: Sequence[Sequence[Pair]],
    margins: Margins,
    orders: np.ndarray,
    run: Run,
) -> np.ndarray:
    """(P, R, R): tr(K L) = ‖X'Y‖² - Σ q_i p_i of linear kernels, for the pairs of `batches`; NaN elsewhere.

    `work` says what is read; its pairs and the order of its right sides are those of each task. `run` runs tasks.
    """
    order = work.groups.order
    calls = [
        (replace(work, pairs=tuple(batch), right=order[permutation]), p)
        for p, permutation in enumerate(orders)
        for batch in batches
    ]
    cross = np.full((len(orders), len(work.representations), len(work.representations)), np.nan)
    for p, pairs, squares in run(_squares, calls, executors.joined, stage="permutations"):
        for (a, b), square in zip(pairs, squares):
            cross[p, a, b] = square - margins.diag[a] @ margins.diag[b, orders[p]]
    return cross


def _squares(work: MomentPass, p: int) -> list[tuple[int, tuple[Pair, ...], list[float]]]:
    """‖X'Y‖² of the pairs of `work`, whose moments this task sums up by itself."""
    states = moments(work, run=executors.serial).values()
    products = (np.sum([m.products[pair] for m in states], axis=0) for pair in work.pairs)
    return [(p, work.pairs, [float(np.square(product).sum()) for product in products])]


def linear_margins(work: MomentPass, run: Run) -> Margins:
    """Of the linear kernels of all representations: ‖x_i‖², and x_i's - ‖x_i‖² with s = Σ x_i. `run` runs tasks."""
    calls = [(work, k) for k in range(len(work.representations))]
    diag, rows = zip(*run(_linear_margin, calls, executors.joined, stage="margins"))
    return Margins(np.array(diag), np.array(rows))


def _linear_margin(work: MomentPass, k: int) -> list[tuple[np.ndarray, np.ndarray]]:
    def blocks() -> Iterator[torch.Tensor]:
        for start in range(0, work.groups.n, BLOCK_ROWS):
            rows = work.groups.order[start : start + BLOCK_ROWS]
            yield centred(work.representations[k], work.frames[k], rows, np.dtype(np.float64), work.device)

    total = torch.stack([x.sum(dim=0) for x in blocks()]).sum(dim=0)
    pieces = [(x.square().sum(dim=1), x @ total) for x in blocks()]
    diag, through = (torch.cat(column).cpu().numpy() for column in zip(*pieces))
    return [(diag, through - diag)]
