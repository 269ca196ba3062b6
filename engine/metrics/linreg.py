"""Linear regression."""

import numpy as np

from consilience.engine.metrics.linear import Cross, Own
from consilience.engine.metrics.registry import EUCLIDEAN, INVARIANCES, Number, register

Factor = tuple[np.ndarray, float]


def _factor(own: Own, ridge: float) -> Factor:
    """A (d, rank) with R² = ‖A'Xc'Yc‖² / ‖Yc‖², and ‖Xc‖²."""
    values, vectors = own.eigen
    shrunk = values + ridge * values.sum() / len(own.gram)
    # Explained sum of squares 2 tr(W'X'Y) - tr(W'X'XW) with W = (X'X + ridge)⁻¹ X'Y, in the eigenbasis.
    return vectors * np.sqrt(2 / shrunk - values / shrunk**2), own.trace


@register(
    "linreg",
    needs="moments",
    factor=_factor,
    parameters={"ridge": Number(0.0, 0.0)},
    symmetric=False,
    direction="similarity",
    range="0..1",
    source="Kornblith et al. 2019",
    invariances=lambda ridge: INVARIANCES if ridge == 0 else EUCLIDEAN,
)
def linreg(left: Factor, right: Factor, cross: Cross, *, ridge: float) -> float:
    """Linear regression, in sample (directed: Y from X).

    R² = ‖Q_x'Yc‖² / ‖Yc‖², Q_x an orthonormal basis of the columns of Xc

    `ridge` is added to the eigenvalues of Xc'Xc, in units of their mean. With n <= d it is 1.

    Misleads where n is not many times d: in sample it rises to 1. It weights the directions of Y by their variance,
    so it is high as soon as the dominant ones are predicted.
    """
    return float((cross.between(left[0], None) ** 2).sum() / right[1])
