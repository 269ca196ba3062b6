"""The nearest neighbours of some samples among all, without those of the others."""

from dataclasses import replace
from functools import partial

import numpy as np
import torch

from consilience.engine.passes.blocks import TORCH_DTYPE
from consilience.engine.passes.executors import Run
from consilience.engine.passes.keys import LOW, NOTHING, encoded, largest
from consilience.engine.passes.near import MARGIN, nearest_first
from consilience.engine.passes.nearest import Nearest
from consilience.engine.passes.tile import Tile
from consilience.engine.passes.tiles import TilePass

BLOCK_ROWS = 2048


def nearest_of(work: TilePass, space: str, queries: np.ndarray, k: int, run: Run) -> np.ndarray:
    """Row numbers (R, q, k) of the features, nearest first, for the pass rows `queries`; ties by lower row number."""
    n, own = work.groups.n, work.groups.order[queries]
    width = min(k + MARGIN, n - 1)
    calls = [
        (work, space, queries, width, slice(start, start + BLOCK_ROWS)) for start in range(0, n, BLOCK_ROWS)
    ]
    keys = run(_among, calls, partial(_best, width=width), stage="neighbours")
    found = (LOW - (keys & LOW)).astype(np.int64)
    return np.stack([nearest_first(work, space, r, own, near)[:, :k] for r, near in enumerate(found)])


def best(work: TilePass, space: str, queries: np.ndarray, width: int, among: slice) -> np.ndarray:
    """The best keys (q, <= width) of the pass rows `queries` among others, of the only representation."""
    starts = range(among.start, among.stop, BLOCK_ROWS)
    blocks = [slice(start, min(start + BLOCK_ROWS, among.stop)) for start in starts]
    return _best([_among(work, space, queries, width, rows) for rows in blocks], width)[0]


def _best(parts: list[np.ndarray], width: int) -> np.ndarray:
    return largest(torch.from_numpy(np.concatenate(parts, axis=2)), width)


def _among(work: TilePass, space: str, queries: np.ndarray, width: int, block: slice) -> np.ndarray:
    """The best (R, q, <= width) keys among a block of pass rows, one representation after the other."""
    if work.device == "cpu":
        torch.set_num_threads(1)  # the tasks are the threads
    search = Nearest(space, width, work.groups.order, False, work.groups.count)
    rows = np.arange(work.groups.n)[block]
    others = torch.from_numpy(work.groups.order[rows]).to(work.device)
    found = []
    for r in range(len(work.representations)):
        one = replace(work.only(r), statistics=(search,))
        i, j = one.load(queries), one.load(rows)
        gram = torch.empty(1, len(queries), len(rows), dtype=TORCH_DTYPE[work.dtype], device=work.device)
        one.gram(0, i, j, gram[0])
        tile = Tile(0, 1, work.layout, gram, i, j, *one.constants(), unit=one.unit)
        keys = encoded(search.similar(tile), others)
        keys[0, torch.from_numpy(queries[:, None] == rows[None, :])] = NOTHING
        found.append(largest(keys, width)[0])
    return np.stack(found)
