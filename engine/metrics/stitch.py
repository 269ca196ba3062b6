"""Stitching: a map from one representation to another, and how well it serves samples that it was not fitted on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from consilience.engine.costs.work import EIGEN
from consilience.engine.inference.linear_null import agreements
from consilience.engine.inference.null import Null
from consilience.engine.inference.split import Held
from consilience.engine.metrics.held_out import Fit, Scores, Side, exact, quantised, unit
from consilience.engine.metrics.registry import EUCLIDEAN, INVARIANCES, Choice, Number, Work, register
from consilience.engine.metrics.retrieval import RECALL, recall

BLOCK_ROWS = 4096
CLASS = "class"


@dataclass(frozen=True)
class Stitched:
    """One side of a map: the solver of its normal equations, and its held-out sums of squares.

    Attributes:
        vectors, values: (d, rank), (rank,): (Xc'Xc + ridge)⁻¹ = vectors diag(1 / values) vectors'.
        squares: (G,) Σ‖x‖² of each group of held-out samples, x less the train mean.
        moments: subset -> Σ x (d,), Σ xx' (d, d) over its held-out samples. Both are empty for retrieval.
        codes: (n,) numbers of the classes of all samples; centroids: of each of `classes`, those of train rows, their
            mean, less that of all, of length 1. For classes alone.
    """

    side: Side
    vectors: np.ndarray
    values: np.ndarray
    squares: np.ndarray
    moments: dict[int, tuple[np.ndarray, np.ndarray]]
    codes: np.ndarray
    classes: np.ndarray
    centroids: np.ndarray

    def map(self, cross: np.ndarray) -> np.ndarray:
        """W (d1, d2) of least squares, from Xc'Yc; the smallest where it is not unique."""
        return self.vectors @ (self.vectors.T @ cross / self.values[:, None])


def _factor(side: Side, report: str, ridge: float, **_: Any) -> Stitched:
    assert side.own is not None
    values, vectors = side.own.eigen
    shrunk = values + ridge * values.sum() / len(side.own.gram)
    squares = np.zeros(side.held.subsets.masks.shape[1])
    moments: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    if report == "r2":
        d = len(side.own.gram)
        moments = {s: (np.zeros(d), np.zeros((d, d))) for s in side.held.subsets.tested}
        for rows in _blocks(side.held):
            x = side.centred(side.held.rows[rows])
            squares += np.bincount(side.held.group[rows], (x**2).sum(axis=1), len(squares))
            for s, (total, product) in moments.items():
                part = x[side.held.subsets.masks[s, side.held.group[rows]]]
                total += part.sum(axis=0)
                product += part.T @ part
    classes = _classes(side) if report == CLASS else (np.zeros(0, int), np.zeros(0, int), np.zeros((0, 0)))
    return Stitched(replace(side, own=None), vectors, shrunk, squares, moments, *classes)


def _classes(side: Side) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `Stitched`."""
    assert side.labels is not None
    codes, rows = np.unique(side.labels, return_inverse=True)[1], side.split.train
    classes, which = np.unique(codes[rows], return_inverse=True)
    sums = np.zeros((len(classes), side.representation.d))
    for start in range(0, len(rows), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        np.add.at(sums, which[part], side.centred(rows[part]))
    return codes, classes, unit(sums)


def _blocks(held: Held) -> Iterator[slice]:
    return (slice(start, start + BLOCK_ROWS) for start in range(0, len(held.rows), BLOCK_ROWS))


def _classified(left: Stitched, right: Stitched, weights: np.ndarray, held: Held) -> Scores:
    """Share of held-out samples whose mapped vector lies nearest to the centroid of their class."""
    named = np.empty(len(held.rows), np.int64)
    for rows in _blocks(held):
        mapped = unit(left.side.centred(held.rows[rows]) @ weights)
        named[rows] = right.classes[quantised(mapped @ right.centroids.T).argmax(axis=1)]
    true = right.codes[held.rows]

    def null(subset: int) -> Null:
        inside = held.inside[subset]
        return agreements(named[inside], true[inside]).scaled(np.asarray(inside.sum()))

    return Scores(held.means((named == true).astype(np.float64)), null)


def _explained(left: Stitched, right: Stitched, weights: np.ndarray, held: Held) -> Scores:
    """R² from the residual and total sums of squares of each group."""
    residual = np.zeros_like(right.squares)
    for rows in _blocks(held):
        x, y = (z.side.centred(held.rows[rows]) for z in (left, right))
        y -= x @ weights
        residual += np.bincount(held.group[rows], (y**2).sum(axis=1), len(residual))
    masks = held.subsets.masks
    with np.errstate(divide="ignore", invalid="ignore"):
        values = 1 - (masks @ residual) / (masks @ right.squares)
    return Scores(values, lambda subset: _null(left, right, weights, held, subset))


def _null(left: Stitched, right: Stitched, weights: np.ndarray, held: Held, subset: int) -> Null:
    """Moments of 1 - (‖Ŷ‖² + ‖Y‖² - 2 tr(Ŷ'PY)) / ‖Y‖², of which P is the only part that is random."""
    m = held.sizes @ held.subsets.masks[subset]
    (x, xx), (y, yy) = left.moments[subset], right.moments[subset]
    predicted, products = x @ weights, weights.T @ xx @ weights
    total = held.subsets.masks[subset] @ right.squares
    mean = 2 * predicted @ y / m - np.trace(products)
    variance = ((products - np.outer(predicted, predicted) / m) * (yy - np.outer(y, y) / m)).sum() / (m - 1)
    sd = 2 * np.sqrt(max(variance, 0.0))
    return Null(mean, sd, np.zeros(())).scaled(total)


@register(
    "stitch",
    needs="held_out",
    fits=True,
    factor=_factor,
    work=lambda report, **_: (
        Work(own=EIGEN, pair=24.0, precise=24.0)
        if report == "r2"
        else Work(own=EIGEN, pair=8.0, precise=8.0)
        if report == CLASS
        else Work(own=EIGEN, pair=8.0, precise=8.0, entry=22.0, null=8.0)
    ),
    parameters={
        "report": Choice(("r2", *RECALL, CLASS)),
        "ridge": Number(0.0, 0.0),
        "gallery": Number(1000, 4),
    },
    only={"gallery": ("report", *RECALL)},
    symmetric=False,
    direction="similarity",
    range=lambda report, **_: (None if report == "r2" else 0, 1),
    labels=lambda report, **_: report == CLASS,
    alike=lambda report, ridge=0.0, **_: ridge == 0 and report != CLASS,
    source="Lenc and Vedaldi 2015; Bansal et al. 2021; Merullo et al. 2023",
    null=exact,
    undefined="no held-out sample of Y differs from the mean of its train samples",
    invariances=lambda ridge, **_: INVARIANCES if ridge == 0 else EUCLIDEAN,
)
def stitch(
    left: Stitched, right: Stitched, fit: Fit, *, report: str, ridge: float, gallery: int = 0
) -> Scores:
    """Stitching: an affine map from X to Y, fitted on one half of the samples and scored on the other (directed).

    r2: 1 - Σ‖y - ŷ‖² / Σ‖y - ȳ‖² over held-out samples; recall_k: share of them whose y is among the k nearest to ŷ;
    class: share of them whose ŷ is nearest to the mean y of the train samples of their class

    ŷ = ȳ + W'(x - x̄) by least squares, x̄ and ȳ the means of the train samples: 0 is what their mean predicts, and below
    it the map does harm. `ridge` is added to the eigenvalues of the train Xc'Xc, in units of their mean. With fewer
    train samples than units W is the smallest solution, and depends on the scales of the units of X. Retrieval is
    by the cosine of ŷ - ȳ with y - ȳ among at most `gallery` held-out samples; ties go to the lower row number.
    A class is named by the cosine of ŷ - ȳ with its mean less ȳ; no label takes part in the fit of the map, and a
    class without train samples is never named. The map is taken as given: the error is that of the held-out samples,
    and the null permutes their pairing. The p of r2 is that of a normal distribution.

    Misleads where n is not many times d: the map then fits noise, and a low R² says that there were few samples, not
    that the other side holds nothing. R² weights the directions of Y by their variance; recall does not say how near
    a miss was.
    """
    assert fit.cross is not None
    weights = left.map(fit.cross.matrix)
    if report == "r2":
        return _explained(left, right, weights, fit.held)
    if report == CLASS:
        return _classified(left, right, weights, fit.held)
    rows = fit.held.rows
    predicted = unit(left.side.centred(rows) @ weights)
    return recall(predicted @ unit(right.side.centred(rows)).T, fit.held, RECALL[report])
