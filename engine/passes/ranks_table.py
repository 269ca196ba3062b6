"""Ranks of all n(n-1)/2 distances without sorting them in one place: their distribution over bins.

Distances are first rounded to a grid far above their rounding errors and far below their differences. So distances that
are equal but for rounding, as between copies of a sample, are ties whatever block they were computed in.

In float32 the points of that grid are the bins; beyond the usual distances two of them, then four, so that there are
2^15 bins for each doubling. A rank is one look-up. In float64 bins lie between quantiles of the distances among a
sample of rows, and ranks are interpolated within them. Either way a rank correlation is off by less than 1e-8.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

KNOTS, CELLS = 2**16, 2**20
OFFSET, SHIFT = (
    2.0**15,
    8,
)  # from OFFSET on a float32 without its last SHIFT bits is a whole number, or coarser
LEAST = 1e-3  # of the mean; what is below may be 0 but for rounding


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
class Knots:
    """Bin k of a distance v is #{edges <= v}."""

    step: float
    edges: torch.Tensor

    @cached_property
    def count(self) -> int:
        return len(self.edges) + 1

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        return torch.bucketize(snapped(values, self.step), self.edges, right=True)

    def ranks(self, counts: np.ndarray, device: str) -> "KnotRanks":
        """Of the distances in ((-inf, e0), [e0, e1), …, [e_last, inf))."""
        edges = self.edges.cpu().numpy()
        total = counts.sum()
        below = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.float64)
        start = np.concatenate([edges[:1], edges])
        gap = np.diff(edges.astype(np.float64))
        # A bin of one float is a tie: all in it get the middle of their ranks. Elsewhere a bin's first is at its edge.
        tie = np.nextafter(edges[:-1], np.inf, dtype=edges.dtype) >= edges[1:]
        slope, rank = np.zeros(len(counts)), below + (counts - 1) / 2
        slope[1:-1][~tie] = counts[1:-1][~tie] / gap[~tie]
        rank[1:-1][~tie] = below[1:-1][~tie]
        columns = (start, (rank - (total - 1) / 2) / total, slope / total)
        return KnotRanks(self, *(torch.tensor(c.astype(edges.dtype), device=device) for c in columns))


Bins = Cells | Knots


@dataclass(frozen=True)
class CellRanks:
    """The centred rank of each cell, over n(n-1)/2."""

    bins: Cells
    rank: torch.Tensor

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        return self.rank.index_select(0, self.bins(values).flatten()).view(values.shape)


@dataclass(frozen=True)
class KnotRanks:
    """A distance v in bin k has the centred rank base[k] + slope[k] (v - start[k]), over n(n-1)/2."""

    bins: Knots
    start: torch.Tensor
    base: torch.Tensor
    slope: torch.Tensor

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        k = self.bins(values)
        return torch.addcmul(self.base[k], self.slope[k], snapped(values, self.bins.step) - self.start[k])


RankTable = CellRanks | KnotRanks


def bins_of(distances: torch.Tensor) -> Bins:
    """Bins for distances like these."""
    step = grid(distances)
    if distances.dtype == torch.float32:
        return Cells.of(distances, step)
    ordered = np.sort(snapped(distances, step).cpu().numpy())
    return Knots(step, torch.from_numpy(edges_of(ordered)).to(distances.device))


def counted(bins: Bins, distances: torch.Tensor) -> np.ndarray:
    """How many of the distances are in each bin."""
    return torch.bincount(bins(distances.flatten()), minlength=bins.count).cpu().numpy()


def _cells(values: torch.Tensor, step: float) -> torch.Tensor:
    return (values / step).round_().add_(OFFSET).view(torch.int32) >> SHIFT


def snapped(values: torch.Tensor, step: float) -> torch.Tensor:
    """The nearest multiples of `step`, a power of two."""
    return (values / step).round_().mul_(step)


def grid(values: torch.Tensor) -> float:
    """The step for distances like `values`: 2^-15 of their median in float32, 2^-37 in float64."""
    exponent = -15 if values.dtype == torch.float32 else -37
    median, usual = float(values.median()), float(values.mean())
    if median <= LEAST * usual:
        # Either half of the distances are 0 but for rounding, and the others set the grid; or few are far above all.
        near = values[values <= values.kthvalue(max(1, int(0.99 * len(values)))).values]
        usual = float(near.mean()) or usual
    usual = median if median > LEAST * usual else usual
    return 2.0 ** (np.floor(np.log2(usual)) + exponent) if usual > 0 else 2.0**exponent


def edges_of(values: np.ndarray) -> np.ndarray:
    """At most KNOTS quantiles of sorted `values`, each value once; a tied one is followed by its next float.

    The pair encloses a bin that holds nothing but the tie, so that its mid-rank is exact.
    """
    at = np.unique(np.linspace(0, len(values) - 1, min(len(values), KNOTS)).round().astype(np.int64))
    knots = np.unique(values[at])
    first, last = np.searchsorted(values, knots, "left"), np.searchsorted(values, knots, "right")
    tied = knots[last - first > 1]
    return np.unique(np.concatenate([knots, np.nextafter(tied, np.inf, dtype=values.dtype)]))
