"""Overlap of nearest neighbours."""

from typing import Any

import numpy as np

from consilience.engine.inference.null import Null
from consilience.engine.metrics.registry import EUCLIDEAN, Choice, Number, Work, register
from consilience.engine.passes.neighbours import NeighbourLists


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
    return Null(np.full(sd.shape, share), sd, sd / share, 1 / (n * k))


def space_of(distance: str, k: int) -> str:
    return f"rdm-{distance}"


def invariances_of(distance: str, k: int) -> tuple[str, ...]:
    return EUCLIDEAN if distance == "euclidean" else ("permutation", "rotation", "scaling")


LISTS: dict[str, Any] = {  # what all metrics of neighbour lists declare alike
    "needs": "neighbours",  # or less: "overlaps"
    "space": space_of,
    "parameters": {"distance": Choice(("cosine", "euclidean")), "k": Number(10, 1)},
    "direction": "similarity",
    "invariances": invariances_of,
}


@register(
    "mutual_knn",
    symmetric=True,
    range=(0, 1),
    source="Huh et al. 2024",
    null=null,
    sampled=True,
    **LISTS | {"needs": "overlaps"},
)
def mutual_knn(counts: np.ndarray, *, distance: str, k: int) -> np.ndarray:
    """Mutual nearest neighbours.

    mean over samples i of |N_X(i) ∩ N_Y(i)| / k

    A sample is never its own neighbour; ties go to the lower row number. Unrelated samples score k / (n - 1).

    Misleads where neighbourhoods are arbitrary: duplicates, ties, and hubs that are neighbours of everybody. k is a
    scale: a high overlap says nothing of how far clusters are from each other, and chance grows with k / n.
    """
    return counts @ np.arange(k + 1.0) / (counts.sum(axis=-1) * k)


@register(
    "jaccard_knn",
    work=lambda distance, k: Work(entry=9.5 * k),
    symmetric=True,
    range=(0, 1),
    source="Wang et al. 2020",
    **LISTS | {"needs": "overlaps"},
)
def jaccard_knn(counts: np.ndarray, *, distance: str, k: int) -> np.ndarray:
    """Jaccard similarity of nearest neighbours.

    mean over samples i of |N_X(i) ∩ N_Y(i)| / |N_X(i) ∪ N_Y(i)|

    A sample is never its own neighbour; ties go to the lower row number.

    Misleads as `mutual_knn` does, of which it is a convex function sample by sample: it orders pairs nearly alike and
    is lower.
    """
    shared = np.arange(k + 1.0)
    return counts @ (shared / (2 * k - shared)) / counts.sum(axis=-1)
