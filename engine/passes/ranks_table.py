"""Ranks of all n(n-1)/2 distances without sorting them in one place: their distribution over bins.

Distances are first rounded to a grid far above their rounding errors and far below their differences. So distances that
are equal but for rounding, as between copies of a sample, are ties whatever block they were computed in. In float32 the
bins are cells of that grid, in float64 they lie between knots; either way a rank correlation is off by less than 1e-8.
"""

import numpy as np
import torch

from consilience.engine.passes.ranks_cells import CellRanks, Cells
from consilience.engine.passes.ranks_knots import KnotRanks, Knots, knots_of

LEAST = 1e-3  # of the mean; what is below may be 0 but for rounding

Bins = Cells | Knots
RankTable = CellRanks | KnotRanks


def bins_of(distances: torch.Tensor, rounding: float = 0.0) -> Bins:
    """Bins for distances like these; see `grid`."""
    step = grid(distances, rounding)
    return Cells.of(distances, step) if distances.dtype == torch.float32 else knots_of(distances, step)


def counted(bins: Bins, distances: torch.Tensor) -> np.ndarray:
    """How many of the distances are in each bin."""
    return torch.bincount(bins(distances.flatten()), minlength=bins.count).cpu().numpy()


def grid(values: torch.Tensor, rounding: float = 0.0) -> float:
    """The step for distances like `values`: 2^-15 of their median in float32, 2^-37 in float64.

    Where their mean square is no more than `rounding` all are 0 but for that, and the step so wide that they are ties.
    """
    if 0 < values.double().square().mean() <= rounding:
        return float(2.0 ** np.ceil(np.log2(4 * float(values.abs().max()))))
    exponent = -15 if values.dtype == torch.float32 else -37
    median, usual = float(values.median()), float(values.mean())
    if median <= LEAST * usual:
        # Either half of the distances are 0 but for rounding, and the others set the grid; or few are far above all.
        near = values[values <= values.kthvalue(max(1, int(0.99 * len(values)))).values]
        usual = float(near.mean()) or usual
    usual = median if median > LEAST * usual else usual
    return 2.0 ** (np.floor(np.log2(usual)) + exponent) if usual > 0 else 2.0**exponent
