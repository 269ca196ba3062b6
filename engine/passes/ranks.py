"""The two ways to the rank tables of a space: from all distances at once, or by a sweep that counts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from consilience.engine.passes.ranks_table import Bins, counted
from consilience.engine.passes.sample import sample_rows, sample_tile
from consilience.engine.passes.tiles import Tile, TilePass

SAMPLE_ROWS = 2048


@dataclass(frozen=True)
class BinCounts:
    """The statistic of the counting sweep: how many distances fall into each bin of each representation."""

    space: str
    bins: tuple[Bins, ...]

    def empty(self) -> list[np.ndarray]:
        return [np.zeros(b.count, np.int64) for b in self.bins]

    def chunk(self, state: list[np.ndarray], tile: Tile) -> None:
        keep = None
        if tile.diagonal:
            m = tile.gram.shape[1]
            keep = torch.triu(torch.ones(m, m, dtype=torch.bool, device=tile.gram.device), 1)
        for counts, bins, values in zip(state, self.bins, tile.space(self.space)):
            counts += counted(bins, values if keep is None else values[keep])

    def combine(self, states: list[list[np.ndarray]]) -> list[np.ndarray]:
        return [np.sum(counts, axis=0) for counts in zip(*states)]


def sampled_distances(work: TilePass, space: str, seed: int) -> Iterator[tuple[torch.Tensor, bool]]:
    """For each representation its distances among at most 2,048 rows, and whether those are all rows."""
    rows = sample_rows(work.groups.n, SAMPLE_ROWS, seed)
    for k in range(len(work.representations)):
        tile = sample_tile(work, slice(k, k + 1), rows)
        upper = torch.ones(len(rows), len(rows), dtype=torch.bool, device=tile.gram.device).triu_(1)
        yield tile.space(space)[0][upper], len(rows) == work.groups.n
