"""What an encoding model reads instead of a representation as it is. Everything is made while rows stream."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from consilience.engine.features.representation import RepeatedSource, Representation
from consilience.engine.features.source import given
from consilience.engine.passes.blocks import compute_dtype


@dataclass(frozen=True)
class Beside:
    """Some units of several representations, side by side. A `Source`."""

    parts: tuple[tuple[Representation, slice], ...]

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        found = [of.take(rows)[:, units] for of, units in self.parts]
        if len(found) == 1:
            return given(found[0], out)
        return np.concatenate(found, axis=1, out=out)


def beside(representations: Sequence[Representation], units: slice | None = None) -> Representation:
    """Those `units` of representations that stand side by side (default: all), as one representation."""
    start, stop = (0, sum(r.d for r in representations)) if units is None else (units.start, units.stop)
    parts, at = [], 0
    for r in representations:
        if start < at + r.d and stop > at:
            parts.append((r, slice(max(start - at, 0), min(stop - at, r.d))))
        at += r.d
    dtype = np.result_type(*(r.dtype for r, _ in parts))
    return replace(
        representations[0], d=stop - start, dtype=dtype, source=Beside(tuple(parts)), rows=None, positive=None
    )


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
    nuisance: Representation | None = None
    weights: np.ndarray | None = None  # (d of the nuisance, units)

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        others = self.order[rows]
        found = np.array(self.of.take(others), compute_dtype([self.of]))
        if self.nuisance is not None:
            found += (self.nuisance.take(rows) - self.nuisance.take(others)) @ self.weights
        return given(found, out)


@dataclass(frozen=True)
class Mean:
    """The mean over repeats of responses (n, repeats, d). A `Source`."""

    array: Any

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return given(np.asarray(self.array[rows]).mean(axis=1, dtype=np.float64), out)


def averaged(of: Representation) -> Representation:
    """The mean over repeats, where there are any."""
    return replace(of, source=Mean(of.source.array)) if isinstance(of.source, RepeatedSource) else of
