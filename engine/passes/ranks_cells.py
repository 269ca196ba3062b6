"""Bins of float32 distances, of which a rank is one look-up.

They are the points of a grid to which distances are rounded; beyond the usual distances two of them, then four, so that
there are 2^15 bins for each doubling.
"""

from dataclasses import dataclass

import numpy as np
import torch

CELLS = 2**20
OFFSET, SHIFT = 2.0**15, 8  # a float32 from OFFSET on, less its last SHIFT bits, is a whole number or coarser


@dataclass(frozen=True)
class Cells:
    """Bits of the float32 that lies as many steps of the grid above OFFSET: `count` cells, the lowest `first`.

    What lies beyond belongs to the last on its side.
    """

    step: float
    first: int
    count: int

    @classmethod
    def of(cls, distances: torch.Tensor, step: float) -> "Cells":
        """For distances like these."""
        first, last = _cells(torch.stack(torch.aminmax(distances)), step).tolist()
        return cls(step, first, min(last - first + 1, CELLS))

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        return _cells(values, self.step).sub_(self.first).clamp_(0, self.count - 1)

    def ranks(self, counts: np.ndarray, device: str) -> "CellRanks":
        """Of all distances in a cell the middle of their ranks."""
        total = counts.sum()
        middle = np.cumsum(counts) - (counts + 1) / 2
        return CellRanks(self, torch.tensor(((middle - (total - 1) / 2) / total).astype("f"), device=device))


@dataclass(frozen=True)
class CellRanks:
    """The centred rank of each cell, over n(n-1)/2."""

    bins: Cells
    rank: torch.Tensor

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        return self.rank.index_select(0, self.bins(values).flatten()).view(values.shape)


def _cells(values: torch.Tensor, step: float) -> torch.Tensor:
    return (values / step).round_().add_(OFFSET).view(torch.int32) >> SHIFT
