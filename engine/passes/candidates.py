"""Nearest neighbours by cosine from rows in few digits: found among candidates, and scored again in float32.

A sweep over the most that every cosine can be (`low.HighestCosines`) leaves each sample its best candidates, and a
limit that no other sample exceeds. Where the last neighbour wanted is nearer than that, the list is certain; the few
lists that are not are searched for again, in float32. How many candidates that takes is tried on a few samples.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from consilience.engine.passes import executors
from consilience.engine.passes.executors import Run
from consilience.engine.passes.keys import largest, listed
from consilience.engine.passes.low import Low, highest_cosines
from consilience.engine.passes.near import MARGIN, cosines, nearest_first, reordered
from consilience.engine.passes.nearest import Nearest
from consilience.engine.passes.neighbours import CLOSE, Neighbours, close
from consilience.engine.passes.queries import best, best_of_both
from consilience.engine.passes.sample import sample_rows
from consilience.engine.passes.spaces import COSINE
from consilience.engine.passes.tiles import TilePass, sweep

EXTRA = (6, 16, 64)  # candidates more than are wanted: as few as serve
SAMPLE_ROWS = 128
MOSTLY, LEAST_CERTAIN = 0.98, 0.9  # shares of lists that are certain: enough, and not worth it
LEAST_ALIKE = 0.9999  # share of the entries of the certain lists
TASK_ROWS, AGAIN_ROWS = 2048, 512
# To score a candidate again takes as long as few digits save on so many samples; and so many units more, in any case.
SCORING, BESIDE = 112.0, 450
KEY_BYTES, MORE_BYTES = 48, 2**27  # of a candidate, in states; of all the extra ones


@dataclass(frozen=True)
class Trial:
    """Of the lists of a few samples, made of so many candidates more than are wanted: the share that is certain, and
    the share of all entries that are as in float32."""

    extra: int
    certain: float
    alike: float

    @property
    def serves(self) -> bool:
        return self.certain >= LEAST_CERTAIN and self.alike >= LEAST_ALIKE


def at_once(n: int) -> int:
    """Representations of n samples that are searched at a time: their candidates take memory."""
    return max(1, MORE_BYTES // (KEY_BYTES * EXTRA[-1] * n))


def memory(n: int, count: int) -> float:
    """Bytes at most that so many representations take beyond an exact search."""
    return float(KEY_BYTES * EXTRA[-1] * n * min(count, at_once(n)))


def affordable(n: int, d: int, halves: bool) -> float:
    """How many candidates of each of n samples can be scored again before it takes what few digits save."""
    return n * d / (SCORING * (d + BESIDE) * (1 + halves))


def trials(work: TilePass, wanted: int, halves: bool, seed: int, run: Run) -> list[tuple[Low, Trial] | None]:
    """What few digits do to the neighbours of 128 samples drawn by `seed`; None for representations unfit for them."""
    n = work.groups.n
    most = [affordable(n, r.d, halves) - wanted for r in work.representations]
    lows = [highest_cosines(r) if more >= EXTRA[0] else None for r, more in zip(work.representations, most)]
    queries = sample_rows(n, SAMPLE_ROWS, seed)
    calls = [(work.only(r), low, queries, wanted, most[r]) for r, low in enumerate(lows) if low is not None]
    found = iter(run(_tried, calls, executors.joined, stage="precision") if calls else [])
    return [None if low is None else (low, next(found)) for low in lows]


def _tried(work: TilePass, low: Low, queries: np.ndarray, wanted: int, most: float) -> list[Trial]:
    n, order, extras = work.groups.n, work.groups.order, [extra for extra in EXTRA if extra <= most]
    width = min(wanted + extras[-1], n - 1)
    keys, exact = best_of_both(work, low, queries, width, wanted)
    for extra in extras:
        some = largest(torch.from_numpy(keys[None]), wanted + extra)[0]
        lists, _, certain = _scored(work, 0, queries, some, wanted, wanted + MARGIN)
        if certain.mean() >= MOSTLY:
            break
    alike = nearest_first(work, COSINE, 0, order[queries], order[lists])[:, :wanted] == exact
    return [Trial(extra, float(certain.mean()), float((alike | ~certain[:, None]).mean()))]


def neighbours(
    work: TilePass, wanted: int, extra: int, *, halves: bool, strip_rows: int, run: Run
) -> Neighbours:
    """Lists as `second_order` finds them in the space of cosines, by the products of `work.low`. `run` runs tasks.

    Args:
        wanted: so many of each list are certain. extra: candidates more than that. halves: whether lists within either
            half are wanted too.
    """
    groups = work.groups
    n, width, keep = groups.n, *(min(wanted + more, groups.n - 1) for more in (extra, min(extra, MARGIN)))
    search = Nearest("cosine", width, groups.order, halves, groups.count)
    (state,) = sweep(replace(work, statistics=(search,)), strip_rows=strip_rows, run=run)
    work = replace(work, low=())
    shape = len(search.scopes), len(work.representations), n
    lists, similar = np.empty((*shape, keep), np.int32), np.empty((*shape, keep), np.float32)
    certain = np.empty(shape, bool)
    calls: list[tuple[Any, ...]] = []
    parts = []
    for s in search.scopes:
        for blocks in work.layout.strips(TASK_ROWS):
            rows = work.layout.span(blocks)
            for r, keys in enumerate(search.keys(state, s, blocks)):
                calls.append((work, r, np.arange(rows.start, rows.stop), keys, wanted, keep))
                parts.append((s, r, rows))
    del state
    for at, scored in zip(parts, run(_rows, calls, executors.joined, stage="neighbours")):
        lists[at], similar[at], certain[at] = scored
    unsure = _uncertain(certain, groups.edges[[0, groups.count // 2, groups.count]])
    calls = [(work, r, rows, keep, among) for _, r, rows, among in unsure]
    again = run(_again, calls, executors.joined, stage="neighbours") if unsure else []
    for (s, r, some, _), searched in zip(unsure, again):
        lists[s, r, some], similar[s, r, some] = searched
    half = lists[1] if halves else None
    return reordered(work, COSINE, Neighbours(lists[0], half, groups, tuple(map(close, similar))), run)


def _scored(
    work: TilePass, r: int, rows: np.ndarray, keys: np.ndarray, wanted: int, keep: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The nearest `keep` of the candidates (m, width) of the pass rows `rows` (m,), their cosines, and which lists are
    certain: no sample that is no candidate is as near as the last one `wanted`."""
    order, (lists, highest) = work.groups.order, listed(keys, work.groups.position)
    similar = np.where(lists >= 0, cosines(work, r, order[rows], order[lists]), -np.inf)
    by = np.lexsort((order[lists], -similar), axis=1)[:, :keep]
    all_are = (lists[:, -1] < 0) | (lists.shape[1] == work.groups.n - 1)
    lists, similar = (np.take_along_axis(values, by, 1) for values in (lists, similar))
    return lists, similar, all_are | (similar[:, wanted - 1] > highest[:, -1] + CLOSE)


def _rows(*arguments: Any) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return [_scored(*arguments)]


def _uncertain(certain: np.ndarray, edges: np.ndarray) -> list[tuple[int, int, np.ndarray, slice]]:
    """Scope, representation, pass rows, and the rows to search, for lists that are not certain, some at a time.

    Args:
        edges: the pass rows at which the halves begin and end.
    """
    found = []
    for s, r in np.ndindex(certain.shape[:2]):
        scope = edges[[0, -1]] if s == 0 else edges
        for start, stop in zip(scope[:-1].tolist(), scope[1:].tolist()):
            rows = start + np.flatnonzero(~certain[s, r, start:stop])
            parts = [rows[k : k + AGAIN_ROWS] for k in range(0, len(rows), AGAIN_ROWS)]
            found += [(s, r, part, slice(start, stop)) for part in parts]
    return found


def _again(
    work: TilePass, r: int, rows: np.ndarray, keep: int, among: slice
) -> list[tuple[np.ndarray, np.ndarray]]:
    keys = best(work.only(r), COSINE, rows, keep, among)
    return [listed(keys, work.groups.position)]
