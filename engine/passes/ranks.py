"""The two ways to the rank tables of a space: from all distances at once, or by a sweep that counts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from consilience.engine.passes.ranks_table import grid, snapped
from consilience.engine.passes.sample import sample_rows, sample_tile
from consilience.engine.passes.tiles import Tile, TilePass

SAMPLE_ROWS = 2048


@dataclass(frozen=True)
class BinCounts:
    """The statistic of the counting sweep: how many distances fall into each bin of each representation."""

    space: str
    steps: tuple[float, ...]
    edges: tuple[torch.Tensor, ...]

    def empty(self) -> list[np.ndarray]:
        return [np.zeros(len(e) + 1, np.int64) for e in self.edges]

    def chunk(self, state: list[np.ndarray], tile: Tile) -> None:
        keep = None
        if tile.diagonal:
            m = tile.gram.shape[1]
            keep = torch.triu(torch.ones(m, m, dtype=torch.bool, device=tile.gram.device), 1)
        for counts, step, edges, values in zip(state, self.steps, self.edges, tile.space(self.space)):
            k = torch.bucketize(snapped(values if keep is None else values[keep], step), edges, right=True)
            counts += torch.bincount(k.flatten(), minlength=len(counts)).cpu().numpy()

    def combine(self, states: list[list[np.ndarray]]) -> list[np.ndarray]:
        return [np.sum(counts, axis=0) for counts in zip(*states)]


def sampled_distances(work: TilePass, space: str, seed: int) -> Iterator[tuple[float, np.ndarray, bool]]:
    """For each representation its grid, its sorted distances among at most 2,048 rows, and if those are all rows."""
    rows = sample_rows(work.groups.n, SAMPLE_ROWS, seed)
    for k in range(len(work.representations)):
        tile = sample_tile(work, slice(k, k + 1), rows)
        upper = torch.ones(len(rows), len(rows), dtype=torch.bool, device=tile.gram.device).triu_(1)
        distances = tile.space(space)[0][upper]
        step = grid(distances)
        ordered = snapped(distances, step).cpu().numpy()
        ordered.sort()
        yield step, ordered, len(rows) == work.groups.n
