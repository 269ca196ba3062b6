"""Features of samples that were measured several times, as cross-validated distances need them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.representation import RepeatedSource, Representation
from consilience.engine.features.source import given


@dataclass(frozen=True)
class CrossedSource:
    """Rows (r d) whose signed inner product is the mean of x_i^a'x_j^b over all pairs of different repeats a ≠ b.

    With U_h = Σ_a H_ha X^a for an orthonormal H whose first row is constant, that mean is
    U_0 U_0' / r - Σ_{h>0} U_h U_h' / (r (r - 1)).
    """

    array: Any

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        from scipy.linalg import helmert

        x = np.asarray(self.array[rows], dtype=np.float64)
        r = x.shape[1]
        weights = helmert(r, full=True) / np.sqrt(np.array([r, *[r * (r - 1)] * (r - 1)], float))[:, None]
        crossed = np.einsum("ha,nad->nhd", weights, x).reshape(len(x), -1)
        return given(crossed, out)


def crossed(representation: Representation, metric: str) -> Representation:
    """The same samples, with the inner products of different repeats.

    Raises:
        BadInput: naming `metric`, if there are no repeats.
    """
    source = representation.source
    if not isinstance(source, RepeatedSource):
        raise BadInput(
            f"features of shape (samples, repeats, units) for {metric!r}",
            f"{representation.name!r} without repeats",
            "give two or more repeats of every sample, or use rdm=euclidean",
        )  # fmt: skip
    return replace(
        representation, d=source.array.shape[1] * representation.d, source=CrossedSource(source.array),
        positive=representation.d,
    )  # fmt: skip


def refuse_repeats(representation: Representation) -> None:
    """Refuse a third axis that no metric asked for: of tokens or places, perhaps, and not of repeats."""
    if isinstance(representation.source, RepeatedSource):
        raise BadInput(
            f"{representation.name!r} as an array of shape (samples, units)",
            f"shape {tuple(representation.source.array.shape)}",
            "pool or flatten the other axes first; repeats of samples are for rsa:rdm=crossnobis",
        )  # fmt: skip
