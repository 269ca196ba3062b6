"""Whole matrices of a sample of rows, one representation at a time: for what needs no more than an estimate."""

from collections.abc import Iterator

import numpy as np
import torch

from consilience.engine.passes.blocks import load
from consilience.engine.passes.ranks_table import RankTable
from consilience.engine.passes.tiles import Tile, TilePass

SHAPE_ROWS = 512


def sample_rows(n: int, most: int, seed: int) -> np.ndarray:
    """At most `most` of n pass rows, ascending, drawn by `seed`."""
    return np.arange(n) if n <= most else np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def sample_tiles(work: TilePass, rows: np.ndarray) -> Iterator[Tile]:
    """For each representation, the tile (1, m, m) of those pass rows with themselves."""
    origin2, width = work.constants()
    for k, (r, f) in enumerate(zip(work.representations, work.frames)):
        block = load((r,), (f,), work.groups.order[rows], work.dtype, work.device, raw=True)
        gram = (block.x[0] @ block.x[0].T)[None]
        yield Tile(0, 0, work.layout, gram, block, block, origin2[k : k + 1], width[k : k + 1])


def shape(
    work: TilePass, space: str, ranks: tuple[RankTable, ...] | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """`third` and `bend` of `Sums`, each (R,), from at most max(512, n / 10, capped at 2,048) rows."""
    rows = sample_rows(work.groups.n, max(SHAPE_ROWS, min(work.groups.n // 10, 2048)), seed)
    found = []
    for k, tile in enumerate(sample_tiles(work, rows)):
        values = tile.space(space)[0]
        found.append(_third_order(ranks[k](values) if ranks else values))
    third, bend = np.array(found).T
    return third, bend


def _third_order(values: torch.Tensor) -> tuple[float, float]:
    """U-statistics of the U-centred matrix (m, m): its closed triples, and its row effects through it."""
    m = len(values)
    if m < 4:
        return 0.0, 0.0
    values = values.clone().fill_diagonal_(0)
    row = values.sum(dim=1)
    mean = row.sum() / (m * (m - 1))
    effect = (row - (m - 1) * mean) / (m - 2)
    centred = (values - effect[:, None] - effect[None, :] - mean).fill_diagonal_(0)
    third = ((centred @ centred) * centred).sum() / (m * (m - 1) * (m - 2))
    return float(third), float(effect @ centred @ effect / (m * (m - 1)))
