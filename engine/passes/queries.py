"""The nearest neighbours of some samples among all, without those of the others."""

from functools import partial

import numpy as np
import torch

from consilience.engine.passes.blocks import TORCH_DTYPE, load, products
from consilience.engine.passes.executors import Run
from consilience.engine.passes.keys import LOW, NOTHING, encoded, largest
from consilience.engine.passes.near import MARGIN, similarities
from consilience.engine.passes.spaces import transform
from consilience.engine.passes.tiles import TilePass

BLOCK_ROWS = 2048


def nearest_of(work: TilePass, space: str, queries: np.ndarray, k: int, run: Run) -> np.ndarray:
    """Row numbers (R, q, k) of the features, nearest first, for the pass rows `queries`; ties by lower row number."""
    n, own = work.groups.n, work.groups.order[queries]
    width = min(k + MARGIN, n - 1)
    calls = [(work, space, queries, width, start) for start in range(0, n, BLOCK_ROWS)]
    keys = run(_among, calls, partial(_best, width=width), stage="neighbours")
    found = (LOW - (keys & LOW)).astype(np.int64)
    for r, near in enumerate(found):
        by = np.lexsort((near, -similarities(work, space, r, own, near)), axis=1)
        found[r] = np.take_along_axis(near, by, 1)
    return found[:, :, :k]


def _best(parts: list[np.ndarray], width: int) -> np.ndarray:
    return largest(torch.from_numpy(np.concatenate(parts, axis=2)), width)


def _among(work: TilePass, space: str, queries: np.ndarray, width: int, start: int) -> np.ndarray:
    """The best (R, q, <= width) keys among BLOCK_ROWS pass rows from `start`, one representation after the other."""
    if work.device == "cpu":
        torch.set_num_threads(1)  # the tasks are the threads
    order, rows = work.groups.order, np.arange(start, min(start + BLOCK_ROWS, work.groups.n))
    others = torch.from_numpy(order[rows]).to(work.device)
    found = []
    for r in range(len(work.representations)):
        one = slice(r, r + 1)
        reps, frames = work.representations[one], work.frames[one]
        i, j = (load(reps, frames, order[x], work.dtype, work.device, raw=True) for x in (queries, rows))
        gram = torch.empty(1, len(queries), len(rows), dtype=TORCH_DTYPE[work.dtype], device=work.device)
        products(reps[0], frames[0], i.x[0], j.x[0], gram[0])
        values = transform(space, gram, i, j, *(c[one] for c in work.constants()))
        keys = encoded(values.neg().float() + 0.0, others)
        keys[0, torch.from_numpy(queries[:, None] == rows[None, :])] = NOTHING
        found.append(largest(keys, width)[0])
    return np.stack(found)
