"""Whole matrices of a sample of rows, one representation at a time: for what needs no more than an estimate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from consilience.engine.costs.moments import shape_rows
from consilience.engine.linalg import product
from consilience.engine.passes.blocks import TORCH_DTYPE, load, products
from consilience.engine.passes.ranks_table import RankTable
from consilience.engine.passes.tile import Tile
from consilience.engine.passes.tiles import TilePass

MEDIAN_ROWS = 1024


def sample_rows(n: int, most: int, seed: int) -> np.ndarray:
    """At most `most` of n pass rows, ascending, drawn by `seed`."""
    return np.arange(n) if n <= most else np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def sample_tile(work: TilePass, some: slice, rows: np.ndarray) -> Tile:
    """The tile (r, m, m) of those pass rows of some of the representations with themselves."""
    r, f = work.representations[some], work.frames[some]
    block = load(r, f, work.groups.order[rows], work.dtype, work.device, raw=True)
    shape = (len(r), len(rows), len(rows))
    gram = torch.empty(shape, dtype=TORCH_DTYPE[work.dtype], device=work.device)
    for one, its, x, out in zip(r, f, block.x, gram):
        products(one, its, x, x, out)
    return Tile(0, 0, work.layout, gram, block, block, *(c[some] for c in work.constants()))


def median_distance(work: TilePass, k: int, seed: int) -> list[float]:
    """The median distance, in the frame, between any two of at most 1,024 samples of representation k."""
    tile = sample_tile(work, slice(k, k + 1), sample_rows(work.groups.n, MEDIAN_ROWS, seed))
    distances = tile.space("rdm-distance")[0].cpu().numpy()
    return [float(np.median(distances[np.triu_indices(len(distances), 1)]))]


@dataclass(frozen=True)
class Shape:
    """`third` and `bend` of `Sums`, from a sample: at most max(512, n / 10, capped at 2,048) rows. Every pass takes the
    same ones, so that p does not depend on how the sums were had."""

    space: str
    ranks: tuple[RankTable, ...] | None
    seed: int

    def empty(self) -> dict[int, tuple[float, float]]:
        return {}

    def chunk(self, state: dict[int, tuple[float, float]], tile: Tile) -> None:
        """Tiles of the sweep add nothing."""

    def aside(self, work: TilePass) -> Sequence[int]:
        return range(len(work.representations))

    def beside(self, work: TilePass, k: int) -> dict[int, tuple[float, float]]:
        """Those of representation k."""
        n = work.groups.n
        rows = sample_rows(n, shape_rows(n), self.seed)
        values = sample_tile(work, slice(k, k + 1), rows).space(self.space)[0]
        return {k: _third_order(values if self.ranks is None else self.ranks[k](values))}

    def combine(self, states: list[dict[int, tuple[float, float]]]) -> dict[int, tuple[float, float]]:
        return {k: value for state in states for k, value in state.items()}

    def finalize(self, state: dict[int, tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
        third, bend = np.array([state[k] for k in sorted(state)]).T
        return third, bend


def shape_of(work: TilePass, space: str, seed: int, run: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray]:
    """`third` and `bend` of every representation without a sweep, (R,) each: the same numbers. `run` executes tasks."""
    shape = Shape(space, None, seed)
    return shape.finalize(
        run(shape.beside, [(work, k) for k in shape.aside(work)], shape.combine, stage="null")
    )


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
    third = (product(centred.T, centred) * centred).sum() / (m * (m - 1) * (m - 2))
    return float(third), float(effect @ centred @ effect / (m * (m - 1)))
