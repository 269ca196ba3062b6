"""The two ways to the rank tables of a space: from all distances at once, or by a sweep that counts."""

from dataclasses import dataclass

import numpy as np
import torch

from consilience.engine.passes import executors
from consilience.engine.passes.executors import Run
from consilience.engine.passes.ranks_table import Bins, bins_of, counted
from consilience.engine.passes.sample import sample_rows, sample_tile
from consilience.engine.passes.tile import Tile
from consilience.engine.passes.tiles import TilePass

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


def sampled_bins(
    work: TilePass, space: str, seed: int, run: Run
) -> tuple[tuple[Bins, ...], list[np.ndarray]]:
    """Bins for the distances of each representation among at most 2,048 rows; where those are all rows, the counts."""
    rows = sample_rows(work.groups.n, SAMPLE_ROWS, seed)
    calls = [(work, space, rows, k) for k in range(len(work.representations))]
    found = run(_sampled_bins, calls, executors.joined, stage="bins")
    return tuple(bins for bins, _ in found), [counts for _, counts in found if counts is not None]


def _sampled_bins(
    work: TilePass, space: str, rows: np.ndarray, k: int
) -> list[tuple[Bins, np.ndarray | None]]:
    upper = torch.ones(len(rows), len(rows), dtype=torch.bool, device=work.device).triu_(1)
    tile = sample_tile(work, slice(k, k + 1), rows)
    distances = tile.space(space)[0][upper]
    bins = bins_of(distances, tile.rounding(space)[0])
    return [(bins, counted(bins, distances) if len(rows) == work.groups.n else None)]
