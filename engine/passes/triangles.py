"""Whole dissimilarity matrices of few samples: for a comparison of entries that no sum over tiles can give."""

from dataclasses import dataclass

import numpy as np

from consilience.engine.passes.ranks_knots import snapped
from consilience.engine.passes.ranks_table import grid
from consilience.engine.passes.sample import sample_tile
from consilience.engine.passes.tiles import TilePass

MOST_SAMPLES = 1024  # 524,000 entries, which already take a second a pair and evaluation


@dataclass(frozen=True)
class Triangles:
    """The entries above the diagonal of two matrices, (N,) each, in the same order."""

    left: np.ndarray
    right: np.ndarray


def matrix_of(work: TilePass, space: str, k: int) -> list[np.ndarray]:
    """The matrix (n, n) of representation k in pass order; entries that rounding alone tells apart are equal."""
    tile = sample_tile(work, slice(k, k + 1), np.arange(work.groups.n))
    values = tile.space(space)[0]
    step = grid(values[~np.eye(len(values), dtype=bool)], tile.rounding(space)[0])
    return [snapped(values, step).cpu().numpy()]
