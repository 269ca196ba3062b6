"""Mutual nearest neighbours across two representations, brought into one space."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from consilience.engine.metrics.held_out import Fit, Scores, Side, quantised
from consilience.engine.metrics.mutual import mutual_shares
from consilience.engine.metrics.registry import EUCLIDEAN, INVARIANCES, Choice, Number, Work, register
from consilience.engine.metrics.relative import cosines

FITTED = ("procrustes", "cca")


@dataclass(frozen=True)
class Coordinates:
    """Held-out samples (m, r) as they enter the shared space, in units of `scale`.

    `basis` (d, r) is what of the train units their map is fitted to, None for all.
    """

    x: np.ndarray
    scale: float = 1.0
    basis: np.ndarray | None = None


def _factor(side: Side, space: str, anchors: int = 0, **_: Any) -> Coordinates:
    rows = side.held.rows
    if space == "relative":
        return Coordinates(cosines(side, anchors))
    if space == "none":
        return Coordinates(side.raw(rows), side.frame.scale)
    assert side.own is not None
    if space == "cca":
        basis = side.own.whitener
        return Coordinates(side.centred(rows) @ basis, basis=basis)
    norm = np.sqrt(side.own.trace) or 1.0  # of train samples that are all alike it is 0
    return Coordinates(side.centred(rows) / norm)


def _inner(left: Coordinates, right: Coordinates, fit: Fit, space: str) -> tuple[np.ndarray, ...]:
    """Of the samples in the shared space: inner products (m, m), and squared lengths (m,) of each side."""
    x, y = left.x, right.x
    if space in FITTED:
        assert fit.cross is not None
        u, v = _bases(fit.cross.between(left.basis, right.basis), fit.cross.precise)
        mapped, other = x @ u, y @ v
        if space == "cca":
            x, y = mapped, other
        return mapped @ other.T, (x**2).sum(axis=1), (y**2).sum(axis=1)
    y = y * (left.scale / right.scale)
    if fit.shuffle is not None:
        y = y[:, fit.shuffle.permutation(y.shape[1])]
    return x @ y.T, (x**2).sum(axis=1), (y**2).sum(axis=1)


def _bases(matrix: np.ndarray, precise: bool) -> tuple[np.ndarray, np.ndarray]:
    """Left and right singular vectors (d1, r), (d2, r) in columns, those of zero but for rounding left out."""
    if matrix.shape[0] < matrix.shape[1]:
        v, u = _bases(matrix.T, precise)
        return u, v
    floor = max(matrix.shape) * np.finfo(np.float64).eps
    if precise:
        u, s, vt = np.linalg.svd(matrix, full_matrices=False)
        keep = s > s.max(initial=0.0) * floor
        return u[:, keep], vt[keep].T
    values, v = np.linalg.eigh(matrix.T @ matrix)
    keep = values > values.max(initial=0.0) * floor
    v = v[:, keep]
    return matrix @ (v / np.sqrt(values[keep])), v


def _similarity(inner: np.ndarray, x2: np.ndarray, y2: np.ndarray, distance: str) -> np.ndarray:
    """(m, m), the greater the nearer, and equal where it is equal but for rounding."""
    if distance == "cosine":
        inverse_x, inverse_y = (1 / np.sqrt(np.where(z > 0, z, np.inf)) for z in (x2, y2))
        return quantised(inverse_x[:, None] * inner * inverse_y)
    inner *= 2
    inner -= x2[:, None]
    inner -= y2
    return quantised(inner / ((x2.mean() + y2.mean()) or 1.0))


def _invariances(space: str, distance: str, **_: Any) -> tuple[str, ...]:
    if space == "none":
        return ("scaling",) if distance == "cosine" else ()
    return {
        "procrustes": EUCLIDEAN,
        "cca": INVARIANCES,
        "relative": ("permutation", "rotation", "scaling"),
    }[space]


@register(
    "mnn",
    needs="held_out",
    fits=lambda space, **_: space in FITTED,
    factor=_factor,
    work=lambda space, **_: Work(
        own=2.6 * (space == "cca"),
        maps=4.0 * (space == "cca"),
        pair=18.0 * (space in FITTED),
        precise=35.0 * (space in FITTED),
        entry=40.0,
    ),
    parameters={
        "space": Choice(("procrustes", "cca", "relative", "none")),
        "distance": Choice(("cosine", "euclidean")),
        "k": Number(10, 1),
        "anchors": Number(256, 2),
        "gallery": Number(1000, 4),
    },
    only={"anchors": ("space", "relative")},
    symmetric=True,
    direction="similarity",
    range=(0, 1),
    source="Haghverdi et al. 2018",
    undefined="the two have different numbers of units, and without a shared space those must correspond",
    invariances=_invariances,
)
def mnn(
    left: Coordinates,
    right: Coordinates,
    fit: Fit,
    *,
    space: str,
    distance: str,
    k: int,
    gallery: int,
    anchors: int = 0,
) -> Scores:
    """Mutual nearest neighbours across two spaces.

    share of the 2m held-out points x_i, y_i that are in a pair (x_i, y_j) with x_i among the k nearest of all x to y_j
    and y_j among the k nearest of all y to x_i

    The own partner y_i counts as any other. The shared space is one of: ``procrustes``, Y and X rotated onto each
    other, both centred and of unit norm over the train samples, the rotation fitted to those; ``cca``, their canonical
    variates of the train samples; ``relative``, cosines to `anchors` train samples; ``none``, the units as they are,
    of which there must be as many. Directions in which the train samples do not covary count as orthogonal to the
    other side. m is at most `gallery`; ties go to the lower row number. With k near m all are in a pair. The pairing of
    held-out samples does not enter: how they lie in the shared space does. So the null permutes what that space rests
    upon: the pairs of train samples, the anchors of Y, or its units.

    Misleads by its level: with k neighbours on both sides most samples have some partner, often not their own, so
    read it against its null. `space=none` compares axes that mean nothing to each other.
    """
    if space == "none" and left.x.shape[1] != right.x.shape[1]:
        return Scores(np.full(fit.held.subsets.count, np.nan))
    inner, x2, y2 = _inner(left, right, fit, space)
    return Scores(mutual_shares(_similarity(inner, x2, y2, distance), fit.held, k))
