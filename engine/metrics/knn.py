"""Overlap of nearest neighbours."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from consilience.engine.inference.null import Null
from consilience.engine.metrics.registry import EUCLIDEAN, Choice, Number, register
from consilience.engine.passes.columns import labelled, one_hot
from consilience.engine.passes.neighbours import NeighbourLists

CHUNK_ELEMENTS = 2**22


def common(left: np.ndarray, right: np.ndarray) -> Iterator[np.ndarray]:
    """How many neighbours each pair of representations shares, (m, R, R) for chunk after chunk of samples.

    Args:
        left, right: (R, n, k) neighbours; negative entries count for nothing.
    """
    representations, n, k = left.shape
    width = min(2 * representations * k, int(max(left.max(), right.max())) + 1)
    chunk = max(1, CHUNK_ELEMENTS // (representations * (width + 1)))
    for start in range(0, n, chunk):
        rows = slice(start, start + chunk)
        if left is right:
            hot = other = one_hot(*relabelled(left[:, rows], width))
        else:
            ids, columns = relabelled(np.concatenate([left[:, rows], right[:, rows]]), width)
            hot, other = (
                one_hot(ids[:, :representations], columns),
                one_hot(ids[:, representations:], columns),
            )
        yield torch.bmm(hot, other.transpose(1, 2)).numpy()


def relabelled(lists: np.ndarray, width: int) -> tuple[np.ndarray, int]:
    """(m, R, k) column numbers from 1, 0 for empty; renumbered per row where a row has few different neighbours."""
    ids = lists.transpose(1, 0, 2).astype(np.int64)
    if width < ids.shape[1] * ids.shape[2]:
        return ids + 1, width
    labels = labelled(ids)
    return labels, int(labels.max())


def null(view: NeighbourLists, *, distance: str, k: int) -> Null:
    """Mean k/(n-1) and exact variance of the mean overlap when the samples of one side are permuted.

    The overlap is Σ_ij a_ij b_π(i)π(j) / (nk) for the adjacency matrices; its variance needs their squares, their
    reciprocated pairs and their in-degrees. The skewness is that of a count with this mean and variance.
    """
    lists = view.lists
    representations, n, k = lists.shape
    share = k / (n - 1)
    q = n * k * (1 - share)
    v, c = np.empty(representations), np.empty(representations)
    for r in range(representations):
        edges = (np.arange(n)[:, None] * n + lists[r]).ravel()
        back = (lists[r].astype(np.int64) * n + np.arange(n)[:, None]).ravel()
        v[r] = np.isin(back, edges, assume_unique=True).sum() - n * k * share
        c[r] = ((np.bincount(lists[r].ravel(), minlength=n) - k) ** 2).sum()
    outer = np.multiply.outer
    apart = q + v - c
    variance = (q * q + outer(v, v)) / (n * (n - 1))
    variance += (q * q + outer(c - q, c - q) + 2 * outer(v, v)) / (n * (n - 1) * (n - 2))
    variance += outer(apart, apart) / (n * (n - 1) * (n - 2) * (n - 3))
    sd = np.sqrt(np.maximum(variance, 0)) / (n * k)
    return Null(np.full(sd.shape, share), sd, sd / share)


def space_of(distance: str, k: int) -> str:
    return f"rdm-{distance}"


def invariances_of(distance: str, k: int) -> tuple[str, ...]:
    return EUCLIDEAN if distance == "euclidean" else ("permutation", "rotation", "scaling")


LISTS: dict[str, Any] = {  # what all metrics of neighbour lists declare alike
    "needs": "neighbours",
    "space": space_of,
    "parameters": {"distance": Choice(("cosine", "euclidean")), "k": Number(10, 1)},
    "direction": "similarity",
    "invariances": invariances_of,
}


@register(
    "mutual_knn",
    symmetric=True,
    range="0..1, chance k/(n-1)",
    source="Huh et al. 2024",
    null=null,
    sampled=True,
    **LISTS,
)
def mutual_knn(left: NeighbourLists, right: NeighbourLists, *, distance: str, k: int) -> np.ndarray:
    """Mutual nearest neighbours.

    mean over samples i of |N_X(i) ∩ N_Y(i)| / k

    A sample is never its own neighbour; ties go to the lower row number.

    Misleads where neighbourhoods are arbitrary: duplicates, ties, and hubs that are neighbours of everybody. k is a
    scale: a high overlap says nothing of how far clusters are from each other, and chance grows with k / n.
    """
    counts = common(left.lists, right.lists)
    return sum(c.sum(axis=0, dtype=np.float64) for c in counts) / (len(left.rows) * k)


@register(
    "jaccard_knn",
    symmetric=True,
    range="0..1",
    source="Wang et al. 2020",
    **LISTS,
)
def jaccard_knn(left: NeighbourLists, right: NeighbourLists, *, distance: str, k: int) -> np.ndarray:
    """Jaccard similarity of nearest neighbours.

    mean over samples i of |N_X(i) ∩ N_Y(i)| / |N_X(i) ∪ N_Y(i)|

    A sample is never its own neighbour; ties go to the lower row number.

    Misleads as `mutual_knn` does, of which it is a convex function sample by sample: it orders pairs nearly alike and
    is lower.
    """
    counts = common(left.lists, right.lists)
    return sum(np.divide(c, 2 * k - c, dtype=np.float64).sum(axis=0) for c in counts) / len(left.rows)
