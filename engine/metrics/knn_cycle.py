"""Nearest neighbours there and back."""

from collections.abc import Iterator

import numpy as np
import torch

from consilience.engine.metrics.knn import LISTS
from consilience.engine.metrics.registry import Work, register
from consilience.engine.passes.neighbours import NeighbourLists
from consilience.engine.passes.overlaps import CHUNK_ELEMENTS


def cycles(left: np.ndarray, right: np.ndarray) -> Iterator[np.ndarray]:
    """From how many of i's neighbours on the right i is a neighbour on the left, (m, L, R) for chunks of samples i.

    Args:
        left, right: (L, n, k) and (R, n, k) neighbours; negative entries count for nothing.
    """
    representations, (_, n, k) = max(len(left), len(right)), left.shape
    # A number i n + j for every j that has i among its left neighbours: those of a chunk of i are consecutive.
    own = np.arange(n)
    back = [
        np.sort(np.where(lists >= 0, lists * n + own[:, None], -1), axis=None)
        for lists in left.astype(np.int64)
    ]
    chunk = max(1, CHUNK_ELEMENTS // (representations * min(representations * k, n)))
    for start in range(0, n, chunk):
        stop = min(start + chunk, n)
        there = right[:, start:stop].astype(np.int64)
        r, i, at = np.nonzero(there >= 0)
        pairs, which = np.unique((i + start) * n + there[r, i, at], return_inverse=True)
        row = pairs // n - start
        column = np.arange(len(pairs)) - np.searchsorted(row, row)  # numbered within each row
        columns = int(column.max(initial=-1)) + 1
        hot, other = (np.zeros((stop - start, len(side), columns), np.float32) for side in (left, right))
        other[i, r, column[which]] = 1
        for a, known in enumerate(back):
            first, last = np.searchsorted(known, (start * n, stop * n))
            back_at = np.searchsorted(pairs, known[first:last])
            back_at = back_at[pairs.take(back_at, mode="clip") == known[first:last]]
            hot[row[back_at], a, column[back_at]] = 1
        yield torch.bmm(torch.from_numpy(hot), torch.from_numpy(other).transpose(1, 2)).numpy()


@register(
    "cycle_knn",
    work=lambda distance, k: Work(entry=10.0 * k),
    symmetric=False,
    range=(0, 1),
    alike=False,
    source="Huh et al. 2024",
    **LISTS,
)
def cycle_knn(left: NeighbourLists, right: NeighbourLists, *, distance: str, k: int) -> np.ndarray:
    """Nearest neighbours there and back.

    share of samples i with i ∈ N_X(N_Y(i)), the X-neighbours of the Y-neighbours of i

    One way back is enough: i is among the X-neighbours of at least one of its Y-neighbours. It is directed. Identical
    representations score less than 1 where a sample is no neighbour of any of its own neighbours.

    Misleads by its level: with k neighbours there and k back, unrelated samples score far above k / n, so read
    `calibrated`.
    """
    return sum((c > 0).sum(axis=0, dtype=np.float64) for c in cycles(left.lists, right.lists)) / len(
        left.rows
    )
