"""A random projection to fewer units, with the error that it adds to squared distances: promised, and measured."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from scipy.spatial.distance import pdist

from consilience.engine.errors import BadInput
from consilience.engine.parameters import Choice, Number
from consilience.engine.passes.blocks import frame
from consilience.engine.preprocessing.affine import Affine
from consilience.engine.preprocessing.registry import Cost, Facts, Step, register
from consilience.engine.preprocessing.rows import Rows
from consilience.engine.random_projection import bound, matrix

SAMPLE = 128  # rows, of which every pair is measured


@dataclass(frozen=True)
class Error:
    """Relative change of the squared distances between sampled rows: the largest, the mean, and of how many pairs."""

    largest: float
    mean: float
    pairs: int


def measured(rows: Rows, onto: Affine) -> Error:
    """The error on every pair of at most 128 rows drawn by the seed; equal rows have no relative error."""
    drawn = np.random.default_rng([rows.seed, 2]).choice(rows.n, min(rows.n, SAMPLE), replace=False)
    x = rows.take(np.sort(drawn))
    scale = frame(rows.representation).scale  # squares of 1e200 would overflow
    before, after = (pdist(y.astype(np.float64) * scale, "sqeuclidean") for y in (x, onto(x)))
    apart = before > 0
    if not apart.any():
        return Error(0.0, 0.0, 0)
    change = np.abs(after[apart] / before[apart] - 1)
    return Error(float(change.max()), float(change.mean()), len(change))


@register("random_projection")
@dataclass(frozen=True)
class RandomProjection(Step):
    """Random projection.

    x R; R (d, components) with independent entries of mean 0 and variance 1 / components, drawn by the seed; error:
    relative change of the squared distance of two samples, with its bound for all pairs at probability 1 - 1/n

    The error is measured on every pair of at most 128 sampled rows. `entries` are normal or sparse.
    """

    parameters: ClassVar = {
        "components": Number(256, 1),
        "entries": Choice(("gaussian", "sparse")),
    }
    source: ClassVar = "Johnson and Lindenstrauss 1984; Achlioptas 2003"

    onto: Affine
    bound: float
    error: Error

    @classmethod
    def fit(cls, rows: Rows, *, components: int, entries: str) -> Self:
        r, origin = matrix(rows.d, components, entries, rows.seed), frame(rows.representation).origin
        onto = Affine(origin, r, origin @ r)
        return cls(onto, bound(rows.n, components), measured(rows, onto))

    def apply(self, x: np.ndarray) -> np.ndarray:
        return self.onto(x)

    @property
    def facts(self) -> Facts:
        return {
            "error_bound": self.bound,
            "largest_error": self.error.largest,
            "mean_error": self.error.mean,
            "pairs_measured": self.error.pairs,
        }

    @classmethod
    def width(cls, n: int, d: int, *, components: int, entries: str) -> int:
        if components >= d:
            raise BadInput(
                f"components of random_projection below the {d} units there are", f"components={components}",
                "use fewer, or leave the step out: a projection to as many units saves nothing and adds an error",
            )  # fmt: skip
        return components

    @classmethod
    def cost(cls, n: int, d: int, itemsize: int, threads: int, *, components: int, entries: str) -> Cost:
        return Cost(0, 2.0 * SAMPLE * d * components, 24.0 * d * components)
