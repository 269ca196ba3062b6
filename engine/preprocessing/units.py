"""Steps that change each unit by itself: its mean taken away, its spread made one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Self

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.passes.blocks import frame
from consilience.engine.preprocessing.registry import Facts, Step, register
from consilience.engine.preprocessing.rows import Rows


@dataclass(frozen=True)
class UnitMoments:
    """Rows counted, means of the units and sums of squared distances to them, each (d,), in float64."""

    n: int
    mean: np.ndarray
    m2: np.ndarray

    def merge(self, other: "UnitMoments") -> "UnitMoments":
        """Those of both sets of rows together (Chan, Golub & LeVeque 1979)."""
        n = self.n + other.n
        with np.errstate(over="ignore", invalid="ignore"):
            step = other.mean - self.mean
            between = step**2 * (self.n * other.n / n)
            return UnitMoments(n, self.mean + step * (other.n / n), self.m2 + other.m2 + between)


def unit_moments(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (divisor n) of every unit, each (d,); exactly 0 for one whose values are all equal.

    One pass: two within a block, about the first row, so that neither a large mean nor equal values leave a rest; in
    a unit of length in which squares neither overflow nor vanish.
    """
    origin, scale = rows.take(np.arange(1))[0].astype(np.float64), frame(rows.representation).scale
    found: UnitMoments = rows.fold(partial(_block, origin=origin, scale=scale), _merged)
    mean, deviation = origin + found.mean / scale, np.sqrt(found.m2 / found.n) / scale
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        raise BadInput(
            "units whose variance float64 can hold",
            "an overflow",
            "divide the features by their largest value",
        )
    return mean, deviation


def _block(x: np.ndarray, origin: np.ndarray, scale: float) -> UnitMoments:
    x = (x - origin) * scale
    mean = x.mean(axis=0)
    x -= mean
    return UnitMoments(len(x), mean, np.einsum("ij,ij->j", x, x))


def _merged(parts: Sequence[UnitMoments]) -> UnitMoments:
    return reduce(UnitMoments.merge, parts)


@register("centre")
@dataclass(frozen=True)
class Centre(Step):
    """Units centred.

    x_ij - mean_i x_ij
    """

    mean: np.ndarray

    @classmethod
    def fit(cls, rows: Rows) -> Self:
        return cls(unit_moments(rows)[0])

    def apply(self, x: np.ndarray) -> np.ndarray:
        return x - self.mean


@register("zscore")
@dataclass(frozen=True)
class ZScore(Step):
    """Units standardised.

    (x_ij - mean_i x_ij) / sd_i x_ij, sd with divisor n; 0 for a unit whose values are all equal
    """

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def fit(cls, rows: Rows) -> Self:
        return cls(*unit_moments(rows))

    def apply(self, x: np.ndarray) -> np.ndarray:
        return (x - self.mean) / np.where(self.deviation > 0, self.deviation, 1.0)

    @property
    def facts(self) -> Facts:
        return {"units_without_variance": int((self.deviation == 0).sum())}
