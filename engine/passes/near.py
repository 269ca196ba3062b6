"""Exact similarities of samples with their neighbours: the few that a sweep in float32 found are looked at again.

Where all samples of a representation point the same way, as in language models with outlier units, cosines differ by
less than float32 can tell apart. The right neighbours are then among the candidates, but in the wrong order. Where they
differ by no more than about 1e-6, candidates themselves may be missed: near ones are found, not all nearest.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from consilience.engine.passes import executors
from consilience.engine.passes.executors import Run
from consilience.engine.passes.neighbours import Neighbours
from consilience.engine.passes.tiles import TilePass

MARGIN = 8  # candidates more than are wanted, where float32 ranks them
CHUNK_ELEMENTS = 2**20


def nearest_first(work: TilePass, space: str, r: int, own: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The rows `near` (m, k) of the features by their exact similarity to `own` (m,), ties by row number."""
    by = np.lexsort((near, -similarities(work, space, r, own, near)), axis=1)
    return np.take_along_axis(near, by, 1)


def with_values(work: TilePass, found: Neighbours, run: Run) -> Neighbours:
    """The same with x_i'x_j of every sample with each of its neighbours, in float64 on the features as they are."""
    calls = [(work, r, lists[r]) for lists in found.scopes for r in range(len(lists))]
    costs = [float(work.representations[r].d) for _, r, _ in calls]
    values = run(_inner_products, calls, executors.joined, costs=costs, stage="inner products")
    count = len(found.whole)
    return replace(found, values=tuple(np.stack(values[k : k + count]) for k in range(0, len(values), count)))


def _inner_products(work: TilePass, r: int, lists: np.ndarray) -> list[np.ndarray]:
    order = work.groups.order
    return [similarities(work, "inner", r, order, order[lists])]


def reordered(work: TilePass, space: str, found: Neighbours, run: Run) -> Neighbours:
    """The same candidates by their exact similarity in `space`, nearest first, ties by row number. `run` runs tasks.

    Of cosines only the lists in which two are close are looked at: their errors are known, not so those of distances.
    """
    calls = [
        (work, space, r, lists[r], close[r] if space == "rdm-cosine" else np.ones_like(close[r]))
        for lists, close in zip(found.scopes, found.close)
        for r in range(len(lists))
    ]
    costs = [float(work.representations[r].d * again.sum()) for _, _, r, _, again in calls]
    lists = run(_reordered, calls, executors.joined, costs=costs, stage="neighbours")
    count = len(found.whole)
    half = None if found.half is None else np.stack(lists[count:])
    return replace(found, whole=np.stack(lists[:count]), half=half)


def distances(work: TilePass, r: int, lists: np.ndarray) -> np.ndarray:
    """Euclidean distances of every sample to the candidates in its list (n, width), infinite where there is none."""
    order = work.groups.order
    squares = -similarities(work, "rdm-euclidean", r, order, order[lists])
    return np.where(lists >= 0, np.sqrt(squares), np.inf)


def _reordered(work: TilePass, space: str, r: int, lists: np.ndarray, again: np.ndarray) -> list[np.ndarray]:
    order, rows = work.groups.order, np.flatnonzero(again)
    some = lists[rows]
    similarity = np.where(some >= 0, similarities(work, space, r, order[rows], order[some]), -np.inf)
    by = np.lexsort((order[some], -similarity), axis=1)
    lists = lists.copy()
    lists[rows] = np.take_along_axis(some, by, 1)
    return [lists]


def similarities(work: TilePass, space: str, r: int, own: np.ndarray, near: np.ndarray) -> np.ndarray:
    """(m, k) in representation r, of the rows `own` (m,) of the features with the rows `near` (m, k).

    Inner products, cosines (``rdm-cosine``) or negative squared distances (``rdm-euclidean``).
    """
    if work.representations[r].rdm:
        return of_rdm(work, space, r, own, near)
    values = np.empty(near.shape)
    take = work.representations[r].take
    for rows in _chunks(len(own), near.shape[1] * work.representations[r].d):
        x = take(own[rows]).astype(np.float64)
        y = take(near[rows].ravel()).astype(np.float64).reshape(*near[rows].shape, -1)
        if space == "rdm-euclidean":
            y -= x[:, None]
            values[rows] = -np.vecdot(y, y)
            continue
        values[rows] = np.vecdot(x[:, None], y)
        if space == "rdm-cosine":
            lengths = np.linalg.norm(x, axis=1)[:, None] * np.sqrt(np.vecdot(y, y))
            values[rows] /= np.where(lengths > 0, lengths, np.inf)
    return values


def cosines(work: TilePass, r: int, own: np.ndarray, near: np.ndarray) -> np.ndarray:
    """As `similarities` of the space of cosines, in float32."""
    representation, scale = work.representations[r], np.float32(work.frames[r].scale)
    (m, k), d = near.shape, representation.d
    (values, squares), own_squares = np.empty((2, m, k), np.float32), np.empty(m, np.float32)
    step = max(1, CHUNK_ELEMENTS // (k * d))
    held = np.empty((min(step, m) * k, d), np.float32)
    for start in range(0, m, step):  # in few calls: threads that call NumPy often wait for each other
        rows = slice(start, start + step)
        x = representation.take(own[rows]).astype(np.float32, copy=False)
        y = representation.take(near[rows].ravel(), held[: len(x) * k])
        if scale != 1:
            x = x * scale
            y *= scale
        y = y.reshape(len(x), k, d)
        np.vecdot(x, x, out=own_squares[rows])
        np.vecdot(y, y, out=squares[rows])
        np.matmul(y, x[:, :, None], out=values[rows, :, None])
    lengths = np.sqrt(own_squares)[:, None] * np.sqrt(squares)
    return values / np.where(lengths > 0, lengths, np.inf)


def of_rdm(work: TilePass, space: str, r: int, own: np.ndarray, near: np.ndarray) -> np.ndarray:
    """As `similarities`, of an RDM; `near` may be of all rows alike, (k,)."""
    entries = work.representations[r].entries(own, near).astype(np.float64)
    if space == "inner":  # of the samples as they lie when all are centred
        lift = work.frames[r].lift
        assert lift is not None
        return lift[own][:, None] + lift[near] - entries / 2
    entries = np.maximum(entries, 0)
    return -entries if space == "rdm-euclidean" else 1 - entries


def _chunks(count: int, width: int) -> Iterator[slice]:
    step = max(1, CHUNK_ELEMENTS // width)
    return (slice(start, start + step) for start in range(0, count, step))
