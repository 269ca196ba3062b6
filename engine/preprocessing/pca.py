"""Principal components, from the moments of the units: one pass, no matter how many samples."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.inference.subsets import Groups
from consilience.engine.linalg import one_thread
from consilience.engine.metrics.linear import Own
from consilience.engine.parameters import Number
from consilience.engine.passes.blocks import frame
from consilience.engine.passes.moment_state import over_groups
from consilience.engine.passes.moments import BLOCK_ROWS, MomentPass, moments
from consilience.engine.preprocessing.affine import Affine
from consilience.engine.preprocessing.registry import Cost, Facts, Step, register
from consilience.engine.preprocessing.rows import Rows

EIGEN_FLOPS = 15.0  # times d³: a decomposition, on one thread, in operations at the rate of products


def covariance(rows: Rows) -> tuple[np.ndarray, Own]:
    """The mean (d,), and Xc'Xc (d, d) of the features in their frame."""
    f, all_rows = frame(rows.representation), Groups(np.arange(rows.n), np.array([0, rows.n]))
    work = MomentPass((rows.representation,), (f,), all_rows, ((0, 0),), np.dtype(np.float64), "cpu")
    with one_thread():
        state = moments(work, run=rows.run, stage="preprocessing")
    mean = f.origin + state[0].left[0][0] / rows.n / f.scale
    ((gram, n),) = over_groups(state, (0, 0), np.ones((1, 1), bool))
    if not np.isfinite(gram).all():
        raise BadInput(
            "features whose covariance float64 can hold",
            "an overflow or NaN",
            "divide them by their largest value",
        )
    return mean, Own(gram, n, f.scale)


@register("pca")
@dataclass(frozen=True)
class PCA(Step):
    """Leading principal components.

    (x - mean) V; V (d, k) = eigenvectors of the covariance, the fewest that explain `variance`, or so many `components`

    The entry of each column of V that is largest by absolute value is positive. The covariance of d units takes 8 d²
    bytes, however many samples there are.
    """

    parameters: ClassVar = {
        "variance": Number(0.95, 1e-6, 1.0),
        "components": Number(50, 1, optional=True),
    }
    only: ClassVar = {"variance": ("components", None)}
    source: ClassVar = "Pearson 1901; Hotelling 1933"

    onto: Affine
    explained: float

    @classmethod
    def fit(cls, rows: Rows, *, variance: float | None = None, components: int = 0) -> Self:
        mean, own = covariance(rows)
        with one_thread():  # several would wait for each other
            values, vectors = own.eigen
        count = components if variance is None else own.leading(variance)
        if count > len(values):
            raise BadInput(
                f"at most {len(values)} components, the directions in which the features vary", f"components={count}",
                f"use components={len(values)}, or variance=0.95",
            )  # fmt: skip
        vectors = vectors[:, :count]
        largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
        return cls(
            Affine(mean, vectors * np.sign(largest), np.zeros(count)),
            float(values[:count].sum() / values.sum()),
        )

    def apply(self, x: np.ndarray) -> np.ndarray:
        return self.onto(x)

    @property
    def facts(self) -> Facts:
        return {"components": self.onto.matrix.shape[1], "share_of_variance": self.explained}

    @classmethod
    def width(cls, n: int, d: int, *, variance: float | None = None, components: int = 0) -> int:
        most = min(n - 1, d)
        if components > most:
            raise BadInput(
                f"components of pca at most {most}, with {n} samples of {d} units", f"components={components}",
                f"use components={most} or fewer, or variance=0.95",
            )  # fmt: skip
        return components or most

    @classmethod
    def cost(cls, n: int, d: int, itemsize: int, threads: int, **parameters: float) -> Cost:
        blocks, square = 24.0 * min(n, BLOCK_ROWS) * d, 8.0 * d**2
        flops = float(n) * d**2 + threads * EIGEN_FLOPS * d**3
        return Cost(1, flops, threads * (blocks + 2 * square) + 4 * square)
