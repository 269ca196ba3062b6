"""What an encoding model reads instead of a representation as it is. Everything is made while rows stream."""

from dataclasses import dataclass, replace

import numpy as np

from consilience.engine.features.representation import Representation
from consilience.engine.passes.blocks import compute_dtype


def _given(values: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    if out is None:
        return values
    out[:] = values
    return out


@dataclass(frozen=True)
class Units:
    """Some consecutive units of a representation. A `Source`."""

    of: Representation
    units: slice

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return _given(self.of.take(rows)[:, self.units], out)


def some_units(of: Representation, units: slice) -> Representation:
    """The same rows with only those units."""
    return replace(of, d=units.stop - units.start, source=Units(of, units), rows=None)


@dataclass(frozen=True)
class Delayed:
    """Features of earlier rows of the same group, one copy a delay; 0 where the group had not begun. A `Source`."""

    of: Representation
    delays: tuple[int, ...]
    start: np.ndarray
    stop: np.ndarray

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        if out is None:
            out = np.empty((len(rows), len(self.delays) * self.of.d), self.of.dtype)
        for k, delay in enumerate(self.delays):
            earlier = rows - delay
            inside = (earlier >= self.start[rows]) & (earlier < self.stop[rows])
            part = out[:, k * self.of.d : (k + 1) * self.of.d]
            part[:] = self.of.take(np.where(inside, earlier, rows))
            part[~inside] = 0
        return out


def delayed(of: Representation, delays: tuple[int, ...], edges: list[tuple[int, int]]) -> Representation:
    """(n, len(delays) d): x_(t - delay) for every delay, the units of one delay side by side.

    Args:
        edges: first and last + 1 row of every group.
    """
    start, stop = np.empty(of.n, np.int64), np.empty(of.n, np.int64)
    for a, b in edges:
        start[a:b], stop[a:b] = a, b
    return replace(of, d=of.d * len(delays), source=Delayed(of, delays, start, stop), rows=None)


@dataclass(frozen=True)
class Permuted:
    """Responses whose residuals about a fit stand in another order of rows. A `Source`.

    With the fit Z B + b of the nuisance Z: row i is z_i B + b + (y_j - z_j B - b), j = order[i]; without, y_j.
    """

    of: Representation
    order: np.ndarray
    nuisance: tuple[Representation, ...] = ()
    weights: np.ndarray | None = None  # (sum of d, units)

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        others = self.order[rows]
        found = np.array(self.of.take(others), compute_dtype([self.of]))
        if self.weights is not None:
            moved = np.concatenate([z.take(rows) - z.take(others) for z in self.nuisance], axis=1)
            found += moved @ self.weights
        return _given(found, out)
