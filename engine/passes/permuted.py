"""Sums over two matrices when the samples of one of them are permuted, for many permutations.

Only what joins two representations depends on the order: tr(K L), r's, and the sums with the diagonals. The last three
follow from vectors; tr(K L) from the matrices themselves, or for the linear kernel from moments. Held matrices cost a
gather of n²/2 entries a permutation for each right side, whatever the widths; moments cost n d_a d_b multiply-adds for
each pair, whatever the memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch

from consilience.engine.linalg import product
from consilience.engine.passes.executors import Run
from consilience.engine.passes.moment_state import Pair
from consilience.engine.passes.sums import Sums

GATHERED = 2**18  # entries at a time: they stay in the cache until they are multiplied
TASKS = 8  # a worker


@dataclass(frozen=True)
class Margins:
    """Of R matrices, (R, n) in float64: their diagonals, and the row sums without them."""

    diag: np.ndarray
    rows: np.ndarray


def permuted(
    sums: Sums, cross: np.ndarray, margins: Margins, orders: np.ndarray, pairs: Sequence[Pair]
) -> Sums:
    """The sums of `pairs` for P orders (P, n) of the samples of their right sides, in place of the S subsets.

    Args:
        sums: of the samples as they are, S = 1; terms of one representation do not depend on the order.
        cross: (P, R, R) tr(K_a L_b) under each order, filled in for the pairs.
    """
    both = np.concatenate([margins.diag, margins.rows])
    r = len(margins.diag)
    products = np.array([both @ both[:, order].T for order in orders])  # (P, 2R, 2R)
    diag, diag_rows = products[:, :r, :r], products[:, :r, r:]
    rows_diag, rows = products[:, r:, :r], products[:, r:, r:]
    a, b = np.array(pairs).T

    def entered(before: np.ndarray, there: np.ndarray, back: np.ndarray) -> np.ndarray:
        values = np.repeat(before, len(orders), axis=0)
        values[:, a, b], values[:, b, a] = there[:, a, b], back[:, a, b]
        return values

    return replace(
        sums,
        cross=entered(sums.cross, cross, cross),
        rows=entered(sums.rows, rows, rows),
        diag=entered(sums.diag, diag, diag),
        diag_rows=entered(sums.diag_rows, diag_rows, rows_diag),
    )


def crosses(
    left: Sequence[np.ndarray], right: Sequence[np.ndarray], orders: np.ndarray, run: Run
) -> np.ndarray:
    """(P, A, B): tr(K L) of symmetric matrices with zero diagonals, the right ones in each order. `run` runs tasks."""
    n, workers = len(left[0]), run.workers
    blocks = n**2 * max(len(left), len(right)) / 2 / GATHERED
    count = int(np.clip(blocks, workers, TASKS * workers))
    # Cut so that the parts of the upper triangle are of equal size.
    edges = np.unique((n * (1 - np.sqrt(1 - np.arange(count + 1) / count))).round().astype(int))
    calls = [(left, right, orders, int(start), int(stop)) for start, stop in pairwise(edges)]
    costs = [float((stop - start) * (2 * n - start - stop)) for *_, start, stop in calls]
    return run(_crosses, calls, sum, costs=costs, stage="permutations")


def _crosses(
    left: Sequence[np.ndarray], right: Sequence[np.ndarray], orders: np.ndarray, start: int, stop: int
) -> np.ndarray:
    """The part of rows start:stop of the upper triangle."""
    n, dtype = len(left[0]), left[0].dtype
    total = np.zeros((len(orders), len(left), len(right)))
    step = max(1, GATHERED // (n * max(len(left), len(right))))
    near, there = np.empty(step * n, dtype), np.empty(len(right) * step * n, dtype)
    for first in range(start, stop, step):
        last = min(first + step, stop)
        m, width = last - first, n - first
        k = np.stack([matrix[first:last, first:] for matrix in left])
        k[:, :, m:] *= 2  # these stand for their mirror images too
        flat = torch.from_numpy(k.reshape(len(left), -1))
        rows, entries = near[: m * n].reshape(m, n), there[: len(right) * m * width].reshape(-1, m, width)
        transposed = torch.from_numpy(entries.reshape(len(right), -1)).T
        for p, order in enumerate(orders):
            for matrix, into in zip(right, entries):
                np.take(matrix, order[first:last], axis=0, out=rows, mode="clip")
                np.take(rows, order[first:], axis=1, out=into, mode="clip")
            total[p] += product(flat, transposed).numpy()
    return total
