"""Ranks of all n(n-1)/2 distances without sorting them in one place: an exact empirical distribution at many knots.

The knots are quantiles of the distances among a sample of rows. Where that sample is all rows, the counts below and at
each knot come from the sorted distances; else one more sweep counts them. Between two knots ranks are interpolated, so
that with 2^16 knots the rank correlation is off by less than 1e-8.

Distances are first rounded to a grid far above their rounding errors and far below their differences. So distances that
are equal but for rounding, as between copies of a sample, are ties whatever block they were computed in.
"""

from dataclasses import dataclass

import numpy as np
import torch

KNOTS = 2**16


@dataclass(frozen=True)
class RankTable:
    """A distance v in bin k = #{edges <= v} has the centred rank base[k] + slope[k] (v - start[k]), over n(n-1)/2."""

    step: float
    edges: torch.Tensor
    start: torch.Tensor
    base: torch.Tensor
    slope: torch.Tensor

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        values = snapped(values, self.step)
        k = torch.bucketize(values, self.edges, right=True)
        return torch.addcmul(self.base[k], self.slope[k], values - self.start[k])


def snapped(values: torch.Tensor, step: float) -> torch.Tensor:
    """The nearest multiples of `step`, a power of two."""
    return (values / step).round_().mul_(step)


def grid(values: torch.Tensor) -> float:
    """The step for distances like `values`: 2^-15 of their median in float32, 2^-37 in float64."""
    exponent = -15 if values.dtype == torch.float32 else -37
    median, mean = float(values.median()), float(values.mean())
    # Where half of the distances are 0 the others set the grid.
    usual = median if median > 1e-3 * mean else mean
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


def table(step: float, edges: np.ndarray, counts: np.ndarray, device: str) -> RankTable:
    """Ranks from the number of distances in each bin ((-inf, e0), [e0, e1), …, [e_last, inf))."""
    total = counts.sum()
    below = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.float64)
    start = np.concatenate([edges[:1], edges])
    gap = np.diff(edges.astype(np.float64))
    # A bin of one float is a tie: all in it get the middle of their ranks. Elsewhere a bin's first is at its edge.
    tie = np.nextafter(edges[:-1], np.inf, dtype=edges.dtype) >= edges[1:]
    slope, rank = np.zeros(len(counts)), below + (counts - 1) / 2
    slope[1:-1][~tie] = counts[1:-1][~tie] / gap[~tie]
    rank[1:-1][~tie] = below[1:-1][~tie]
    columns = (edges, start, (rank - (total - 1) / 2) / total, slope / total)
    return RankTable(step, *(torch.tensor(c.astype(edges.dtype), device=device) for c in columns))


def bin_counts(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts per bin of sorted `values`."""
    at = np.searchsorted(values, edges, "left")
    return np.diff(np.concatenate([[0], at, [len(values)]]))
