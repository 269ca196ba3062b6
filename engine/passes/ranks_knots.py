"""Bins between quantiles of the distances among a sample of rows; ranks are interpolated within them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

KNOTS = 2**16


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


def knots_of(distances: torch.Tensor, step: float) -> Knots:
    """For distances like these."""
    ordered = np.sort(snapped(distances, step).cpu().numpy())
    return Knots(step, torch.from_numpy(edges_of(ordered)).to(distances.device))


def snapped(values: torch.Tensor, step: float) -> torch.Tensor:
    """The nearest multiples of `step`, a power of two."""
    return (values / step).round_().mul_(step)


def edges_of(values: np.ndarray) -> np.ndarray:
    """At most KNOTS quantiles of sorted `values`, each value once; a tied one is followed by its next float.

    The pair encloses a bin that holds nothing but the tie, so that its mid-rank is exact.
    """
    at = np.unique(np.linspace(0, len(values) - 1, min(len(values), KNOTS)).round().astype(np.int64))
    knots = np.unique(values[at])
    first, last = np.searchsorted(values, knots, "left"), np.searchsorted(values, knots, "right")
    tied = knots[last - first > 1]
    return np.unique(np.concatenate([knots, np.nextafter(tied, np.inf, dtype=values.dtype)]))
