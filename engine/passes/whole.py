"""Whole n×n matrices, held in memory, for what looks at their entries again and again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch

from consilience.engine.passes import executors
from consilience.engine.passes.executors import Run
from consilience.engine.passes.ranks_table import RankTable
from consilience.engine.passes.tile import Tile
from consilience.engine.passes.tiles import TilePass, sweep

T = TypeVar("T")
Tiles = dict[tuple[int, int], np.ndarray]  # blocks i <= j -> (R, m_i, m_j)
COPIES = 1.5  # of a matrix, at the peak: half of it in tiles while it is put together


@dataclass(frozen=True)
class Whole:
    """The statistic: the entries of `space` themselves; ranks of them if `ranks` are given."""

    space: str
    ranks: tuple[RankTable, ...] | None = None

    def empty(self) -> Tiles:
        return {}

    def chunk(self, state: Tiles, tile: Tile) -> None:
        values = tile.space(self.space)
        if self.ranks is not None:
            values = torch.stack([table(v) for table, v in zip(self.ranks, values)])
        state[tile.i, tile.j] = (
            values.cpu().numpy().copy()
        )  # the memory of a tile is not this statistic's to keep

    def combine(self, states: list[Tiles]) -> Tiles:
        return {key: tile for state in states for key, tile in state.items()}


def whole(
    work: TilePass,
    space: str,
    ranks: tuple[RankTable, ...] | None,
    some: Sequence[int],
    *,
    strip_rows: int,
    run: Run = executors.run,
) -> dict[int, np.ndarray]:
    """The matrices (n, n), in pass rows and with their diagonals, of the representations `some`. `run` runs tasks."""

    def cut(values: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(values[k] for k in some)

    part = replace(
        work,
        representations=cut(work.representations),
        frames=cut(work.frames),
        medians=work.medians and cut(work.medians),
        statistics=(Whole(space, ranks and cut(ranks)),),
    )
    (tiles,) = sweep(part, strip_rows=strip_rows, run=run)
    n = work.groups.n
    found = {k: np.empty((n, n), work.dtype) for k in some}
    _enter(found, tiles, work)
    return found


def _enter(into: Mapping[int, np.ndarray], tiles: Tiles, work: TilePass) -> None:
    """Both halves of each matrix; a tile is gone once it is entered."""
    for i, j in list(tiles):
        tile = tiles.pop((i, j))
        rows, columns = work.layout.rows(i), work.layout.rows(j)
        for matrix, values in zip(into.values(), tile):
            matrix[rows, columns] = values
            matrix[columns, rows] = values.T
