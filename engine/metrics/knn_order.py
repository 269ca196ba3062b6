"""Agreement of the order of nearest neighbours."""

from collections.abc import Callable, Iterator

import numpy as np

from consilience.engine.metrics.knn import LISTS
from consilience.engine.metrics.registry import Work, register
from consilience.engine.passes.neighbours import NeighbourLists
from consilience.engine.passes.overlaps import relabelled

TABLE_BYTES = 2**23

Lengths = tuple[np.ndarray, np.ndarray]  # of a left representation's lists (m, 1), of the right ones' (m, R)


def ranks(left: np.ndarray, right: np.ndarray) -> Iterator[tuple[int, slice, np.ndarray]]:
    """Where the neighbours in each left representation stand in the lists of all right ones.

    Args:
        left, right: (L, n, k) and (R, n, k) neighbours, nearest first; negative entries count for nothing.

    Yields:
        The left representation, a chunk of samples, and (k, m, R): the ranks, from 1, of its first, second, …
        neighbour; 0 where a list lacks it. They are unsigned integers that hold 4k.
    """
    representations, (_, n, k) = max(len(left), len(right)), left.shape
    kind = np.min_scalar_type(4 * k)
    width = min((len(left) + len(right)) * k, int(max(left.max(), right.max())) + 1)
    chunk = max(1, TABLE_BYTES // (kind.itemsize * representations * (width + 1)))
    for start in range(0, n, chunk):
        rows = slice(start, min(start + chunk, n))
        both = left[:, rows] if left is right else np.concatenate([left[:, rows], right[:, rows]])
        ids, columns = relabelled(both, width)
        ids += np.arange(len(ids))[:, None, None] * (columns + 1)
        table = np.zeros((len(ids) * (columns + 1), len(right)), kind)
        table[ids[:, -len(right) :], np.arange(len(right))[:, None]] = np.arange(1, k + 1)
        table[:: columns + 1] = 0  # the empty entries
        for a in range(len(left)):
            yield a, rows, table.take(ids[:, a].T, axis=0)


def _mean(
    finish: Callable[[np.ndarray, Lengths], np.ndarray], left: NeighbourLists, right: NeighbourLists
) -> np.ndarray:
    """(L, R): the mean over samples of what `finish` makes, (m, R), of each chunk of ranks."""
    own, other = ((view.lists >= 0).sum(axis=2) for view in (left, right))
    scores = np.zeros((len(own), len(other)))
    for a, rows, found in ranks(left.lists, right.lists):
        kind = found.dtype
        lengths = own[a, rows, None].astype(kind), other[:, rows].T.astype(kind, order="C")
        scores[a] += finish(found, lengths).sum(axis=0)
    return scores / len(left.rows)


def longest_common(found: np.ndarray, lengths: Lengths) -> np.ndarray:
    """Lengths of the longest common subsequences: of the longest rising runs of `found` (k, m, R), 0 left out."""
    best = np.empty_like(found)  # of the subsequences that end with the neighbour at p
    for p, rank in enumerate(found):
        best[p] = 0
        for q in range(p):
            np.maximum(best[p], best[q] * (found[q] < rank), out=best[p])
        best[p] += 1
        best[p] *= rank > 0
    return best.max(axis=0)


def levenshtein(found: np.ndarray, lengths: Lengths) -> np.ndarray:
    """Levenshtein distances, (m, R): the least edits over all chains of neighbours that both lists keep in order.

    Between two that are kept next to each other, it takes as many edits as there are others in the longer gap.
    """
    # Arrays, not numbers: only the minimum of two arrays is quick. No distance is as long as `far`, and unsigned
    # differences that would be negative are longer.
    k = len(found)
    far = np.full_like(found[0], 2 * k)
    steps = [np.full_like(far, p) for p in range(k)]
    edits = np.empty_like(found)  # up to a neighbour that is kept, at p
    for p, rank in enumerate(found):
        before = rank - 1
        np.maximum(before, steps[p], out=edits[p])
        for q in range(p):
            gap = before - found[q]
            np.minimum(gap, far, out=gap)
            np.maximum(gap, steps[p - q - 1], out=gap)
            gap += edits[q]
            np.minimum(edits[p], gap, out=edits[p])
        edits[p][rank == 0] = 2 * k
    own, other = lengths
    least = np.maximum(own, other)
    for p, rank in enumerate(found):
        rest = np.minimum(np.maximum(own - (p + 1), other - rank), far)
        np.minimum(least, edits[p] + rest, out=least)
    return least


def _agreement(found: np.ndarray, lengths: Lengths) -> np.ndarray:
    """The rank similarities, (m, R)."""
    k = len(found)
    r, other = np.arange(1, k + 1)[:, None], np.arange(1, k + 1)
    weights = np.zeros((k, k + 1))
    weights[:, 1:] = 2 / ((1 + np.abs(r - other)) * (r + other))
    total = np.zeros(found.shape[1:])
    for weight, rank in zip(weights, found):
        total += weight[rank]
    most = np.concatenate([[np.inf], np.cumsum(1 / other)])  # of no common neighbour: 0
    return total / most[np.count_nonzero(found, axis=0)]


@register(
    "lcs_knn",
    work=lambda distance, k: Work(entry=6.0 * k + 0.3 * k**2),
    symmetric=True,
    range=(0, 1),
    source="Huh et al. 2024",
    **LISTS,
)
def lcs_knn(left: NeighbourLists, right: NeighbourLists, *, distance: str, k: int) -> np.ndarray:
    """Longest common subsequence of nearest neighbours.

    mean over samples i of LCS(N_X(i), N_Y(i)) / k, of the lists with the nearest first

    Huh et al. leave it undivided. It is at most `mutual_knn`, and equals it where the order of the common ones agrees.

    Misleads where neighbours are at nearly equal distances: their order is then noise, and the score falls for no
    reason.
    """
    return _mean(longest_common, left, right) / k


@register(
    "edit_knn",
    work=lambda distance, k: Work(entry=9.0 * k + 0.35 * k**2),
    symmetric=True,
    range=(0, 1),
    source="Huh et al. 2024",
    **LISTS,
)
def edit_knn(left: NeighbourLists, right: NeighbourLists, *, distance: str, k: int) -> np.ndarray:
    """Edit similarity of nearest neighbours.

    mean over samples i of 1 - Levenshtein(N_X(i), N_Y(i)) / k, of the lists with the nearest first

    An edit inserts, deletes or replaces one neighbour.

    Misleads where neighbours are at nearly equal distances: their order is then noise, and the score falls for no
    reason.
    """
    return 1 - _mean(levenshtein, left, right) / k


@register(
    "rank_knn",
    work=lambda distance, k: Work(entry=11.0 * k),
    symmetric=True,
    range=(0, 1),
    source="Wang et al. 2020",
    **LISTS,
)
def rank_knn(left: NeighbourLists, right: NeighbourLists, *, distance: str, k: int) -> np.ndarray:
    """Rank similarity of nearest neighbours.

    mean over samples i of Σ_j 2 / ((1 + |r - r'|)(r + r')) / Σ_{m=1..M} 1/m, over the M common neighbours j

    r and r' are the ranks of j in the two lists, from 1. It is 0 where M = 0. Only which neighbours are common, and
    their ranks, matters: that few are is not punished.

    Misleads where few neighbours are shared: it is normalised by those, so a single one that is first in both lists
    scores 1 for that sample.
    """
    return _mean(_agreement, left, right)
