"""Exact similarities of samples with their neighbours: the few that a sweep in float32 found are looked at again.

Where all samples of a representation point the same way, as in language models with outlier units, cosines differ by
less than float32 can tell apart. The right neighbours are then among the candidates, but in the wrong order. Where they
differ by no more than about 1e-6, candidates themselves may be missed: near ones are found, not all nearest.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from consilience.engine.passes import executors
from consilience.engine.passes.neighbours import NeighbourLists, Neighbours
from consilience.engine.passes.tiles import TilePass

MARGIN = 8  # candidates more than are wanted, where float32 ranks them
CHUNK_ELEMENTS = 2**20


def inner_products(work: TilePass, view: NeighbourLists) -> np.ndarray:
    """x_i'x_j of every sample with each of its neighbours, (R, m, k), in float64 on the features as they are."""
    order = work.groups.order[view.rows]
    return np.stack([_similarities(work, "inner", r, lists, order) for r, lists in enumerate(view.lists)])


def reordered(work: TilePass, space: str, found: Neighbours, run: Callable[..., Any]) -> Neighbours:
    """The same candidates by their exact similarity in `space`, nearest first, ties by row number. `run` runs tasks."""
    calls = [(work, space, r, lists[r]) for lists in _scopes(found) for r in range(len(lists))]
    costs = [float(work.representations[r].d) for _, _, r, _ in calls]
    lists = run(_reordered, calls, executors.joined, costs=costs, stage="neighbours")
    count = len(found.whole)
    half = None if found.half is None else np.stack(lists[count:])
    return replace(found, whole=np.stack(lists[:count]), half=half)


def distances(work: TilePass, r: int, lists: np.ndarray) -> np.ndarray:
    """Euclidean distances of every sample to the candidates in its list (n, width), infinite where there is none."""
    squares = -_similarities(work, "rdm-euclidean", r, lists, work.groups.order)
    return np.where(lists >= 0, np.sqrt(squares), np.inf)


def _scopes(found: Neighbours) -> list[np.ndarray]:
    return [found.whole] if found.half is None else [found.whole, found.half]


def _reordered(work: TilePass, space: str, r: int, lists: np.ndarray) -> list[np.ndarray]:
    order = work.groups.order
    similarity = np.where(lists >= 0, _similarities(work, space, r, lists, order), -np.inf)
    by = np.lexsort((order[lists], -similarity), axis=1)
    return [np.take_along_axis(lists, by, 1)]


def _similarities(work: TilePass, space: str, r: int, lists: np.ndarray, order: np.ndarray) -> np.ndarray:
    """(m, k), of sample ``order[i]`` with samples ``order[lists[i]]`` of representation r."""
    values = np.empty(lists.shape)
    for rows in _chunks(len(lists), lists.shape[1] * work.representations[r].d):
        take = work.representations[r].take
        near = take(order[lists[rows]].ravel()).astype(np.float64).reshape(*lists[rows].shape, -1)
        own = take(order[rows]).astype(np.float64)
        if space == "rdm-euclidean":
            near -= own[:, None]
            values[rows] = -np.einsum("ikd,ikd->ik", near, near)
            continue
        values[rows] = np.einsum("id,ikd->ik", own, near)
        if space == "rdm-cosine":
            lengths = np.linalg.norm(own, axis=1)[:, None] * np.sqrt(np.einsum("ikd,ikd->ik", near, near))
            values[rows] /= np.where(lengths > 0, lengths, np.inf)
    return values


def _chunks(count: int, width: int) -> Iterator[slice]:
    step = max(1, CHUNK_ELEMENTS // width)
    return (slice(start, start + step) for start in range(0, count, step))
