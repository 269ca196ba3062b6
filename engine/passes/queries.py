"""The nearest neighbours of some samples among all, without those of the others."""

from dataclasses import replace
from functools import partial

import numpy as np
import torch

from consilience.engine.passes.blocks import TORCH_DTYPE, Block
from consilience.engine.passes.executors import Run
from consilience.engine.passes.keys import LOW, NOTHING, encoded, largest, reached_by, reaching, rectangular
from consilience.engine.passes.low import Low
from consilience.engine.passes.near import MARGIN, nearest_first
from consilience.engine.passes.nearest import Nearest
from consilience.engine.passes.spaces import COSINE
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
    return _best([_among(work, space, queries, width, rows) for rows in _blocks(among)], width)[0]


def best_of_both(
    work: TilePass, low: Low, queries: np.ndarray, width: int, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best keys (q, width) by cosines in few digits, and the k nearest by those in full (q, k), as `nearest_of` has
    them, of the only representation among all; each row is read once."""
    wide = min(k + MARGIN, work.groups.n - 1)
    full, short = _searching(work, COSINE, wide), replace(_searching(work, "cosine", width), low=(low,))
    own, own_short = full.load(queries), short.load(queries)
    found: list[list[np.ndarray]] = [[], []]
    for rows in _blocks(slice(0, work.groups.n)):
        others = np.arange(rows.start, rows.stop)
        block = full.load(rows)
        found[0].append(_nearest(full, own, block, queries, others)[None])
        found[1].append(_nearest(short, own_short, short.shortened(block), queries, others)[None])
    near = (LOW - (_best(found[0], wide)[0] & LOW)).astype(np.int64)
    return _best(found[1], width)[0], nearest_first(work, COSINE, 0, work.groups.order[queries], near)[:, :k]


def _blocks(among: slice) -> list[slice]:
    starts = range(among.start, among.stop, BLOCK_ROWS)
    return [slice(start, min(start + BLOCK_ROWS, among.stop)) for start in starts]


def _best(parts: list[np.ndarray], width: int) -> np.ndarray:
    return largest(torch.from_numpy(np.concatenate(parts, axis=2)), width)


def _among(work: TilePass, space: str, queries: np.ndarray, width: int, block: slice) -> np.ndarray:
    """The best (R, q, <= width) keys among a block of pass rows, one representation after the other."""
    rows, work = np.arange(work.groups.n)[block], _searching(work, space, width)
    ones = map(work.only, range(len(work.representations)))
    return np.stack([_nearest(one, one.load(queries), one.load(rows), queries, rows) for one in ones])


def _searching(work: TilePass, space: str, width: int) -> TilePass:
    return replace(work, statistics=(Nearest(space, width, work.groups.order, False, work.groups.count),))


def _nearest(work: TilePass, i: Block, j: Block, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The best (q, <= width) keys among the pass rows of block j for those of block i, of the only representation."""
    if work.device == "cpu":
        torch.set_num_threads(1)  # the tasks are the threads
    (search,) = work.statistics
    assert isinstance(search, Nearest)
    gram = torch.empty(1, len(queries), len(rows), dtype=TORCH_DTYPE[work.dtype], device=work.device)
    work.gram(0, i, j, gram[0])
    similar = search.similar(Tile(0, 1, work.layout, gram, i, j, *work.constants(), unit=work.unit))
    itself = queries[:, None] == rows
    similar[0, torch.from_numpy(itself).to(work.device)] = -torch.inf
    bound = torch.from_numpy(reached_by(similar, search.width, 2, 1)).to(work.device)
    _, own, other, values = reaching(similar, bound[:, :, None])
    others = torch.from_numpy(work.groups.order[rows[other]]).to(work.device)
    keys = encoded(values, others).cpu().numpy()
    keys[itself[own, other]] = NOTHING
    return largest(torch.from_numpy(rectangular(keys, own, (1, len(queries)))), search.width)[0]
