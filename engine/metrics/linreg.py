"""Linear regression."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from consilience.engine.costs.work import EIGEN
from consilience.engine.metrics.cca import whitener
from consilience.engine.metrics.linear import Cross, Own
from consilience.engine.metrics.registry import EUCLIDEAN, INVARIANCES, Number, Work, register

# A sum of squares cannot be below 0, nor a part above the whole: where it is by more, Y varies by rounding alone.
LEAST = 1e-6
Factor = tuple[np.ndarray, float]
FoldFactor = tuple[np.ndarray, np.ndarray, float]


def _factor(own: Any, folds: int, ridge: float) -> Factor | list[FoldFactor]:
    return [_of_fold(one, ridge) for one in own] if folds else _in_sample(own, ridge)


def _in_sample(own: Own, ridge: float) -> Factor:
    """A (d, rank) with R² = ‖A'Xc'Yc‖² / ‖Yc‖², and ‖Xc‖²."""
    if ridge == 0:
        return own.whitener, own.trace
    values, vectors = own.eigen
    shrunk = values + ridge * values.sum() / len(own.gram)
    # Explained sum of squares 2 tr(W'X'Y) - tr(W'X'XW) with W = (X'X + ridge)⁻¹ X'Y, in the eigenbasis.
    return vectors * np.sqrt(2 / shrunk - values / shrunk**2), own.trace


def _of_fold(own: Own, ridge: float) -> FoldFactor:
    """B (d, rank) and τ (rank,) with BB' = (X'X + ridge)⁻¹ and B'TB = diag(τ), T of the fold; and tr T."""
    assert own.test is not None
    basis = whitener(own, ridge)
    spread, rotation = np.linalg.eigh(basis.T @ own.test @ basis)
    return basis @ rotation, spread, float(np.trace(own.test))


def _cross_validated(
    left: Sequence[FoldFactor], right: Sequence[FoldFactor], crosses: Sequence[Cross]
) -> float:
    """1 - Σ residual / Σ total sums of squares, the residual one that of Y - X W, W = BB'X'Y of the other folds."""
    residual = total = 0.0
    for (basis, spread, _), (_, _, own), cross in zip(left, right, crosses):
        assert cross.test is not None
        fitted, test = basis.T @ cross.matrix, basis.T @ cross.test
        residual += own + float((fitted * (spread[:, None] * fitted - 2 * test)).sum())
        total += own
    return 1 - residual / total if total > 0 and residual > -LEAST * total else float("nan")


@register(
    "linreg",
    needs="moments",
    factor=_factor,
    work=lambda folds, ridge: Work(
        own=(EIGEN if ridge else 2.6) + (EIGEN + 6) * bool(folds), maps=6.0 if folds else 3.0, entry=4.0
    ),
    parameters={"folds": Number(0, 0), "ridge": Number(0.0, 0.0)},
    symmetric=False,
    biased=lambda folds, ridge: folds == 0,
    direction="similarity",
    range=lambda folds, ridge: (None if folds else 0, 1),
    alike=lambda folds, ridge: ridge == 0,
    source="Kornblith et al. 2019",
    invariances=lambda folds, ridge: INVARIANCES if ridge == 0 else EUCLIDEAN,
)
def linreg(left: Any, right: Any, cross: Any, *, folds: int, ridge: float) -> float:
    """Linear regression (directed: Y from X), in sample or cross-validated.

    R² = ‖Q_x'Yc‖² / ‖Yc‖², Q_x an orthonormal basis of the columns of Xc; with folds 1 - Σ‖y - ŷ‖² / Σ‖y - ȳ‖²
    over all samples, ŷ and the mean ȳ from the other folds

    `ridge` is added to the eigenvalues of Xc'Xc, in units of their mean. In sample, n <= d gives 1. With `folds` >= 2
    each is predicted from the others; 0 is then what their mean predicts, and with fewer samples in them than units
    the smallest solution is taken, which depends on the scales of the units of X. The jackknife leaves a group of
    samples out and keeps the folds of the rest; the null permutes the samples of Y inside each fold.

    Misleads where n is not many times d: in sample it rises to 1. It weights the directions of Y by their variance,
    so it is high as soon as the dominant ones are predicted.
    """
    if folds:
        return _cross_validated(left, right, cross)
    explained = float((cross.between(left[0], None) ** 2).sum())
    return explained / right[1] if right[1] > 0 and explained < (1 + LEAST) * right[1] else float("nan")
