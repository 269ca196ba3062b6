"""Where models stand to each other: dissimilarity, the order by clustering, and the map in two dimensions."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from consilience.engine.errors import BadInput
from consilience.pipelines.report.best import matrix, sign


@dataclass(frozen=True)
class Map:
    """Models in the plane: `xy` is (models, 2), `held` the share of the spread that two axes hold."""

    models: list[str]
    xy: np.ndarray
    held: float
    nearest: list[int]


def dissimilarity(scores: xr.Dataset, metric: str) -> tuple[list[str], np.ndarray]:
    """Models that stand on both sides, and a symmetric (models, models) distance between them.

    A similarity s is read as an inner product of unit vectors, whose distance is sqrt(2 (1 - s)) with s
    clipped to 0..1; a distance is taken as it is. The two directions of a directed metric are averaged.
    """
    rows, columns, values = matrix(scores, metric)
    models = [m for m in rows if m in columns]
    square = values[np.ix_([rows.index(m) for m in models], [columns.index(m) for m in models])]
    if sign(scores, metric) > 0:
        square = np.sqrt(2 * (1 - np.clip(square, 0, 1)))
    with np.errstate(invalid="ignore"):
        square = (square + square.T) / 2
    np.fill_diagonal(square, 0)
    return models, np.maximum(square, 0)


@dataclass(frozen=True)
class Tree:
    """Models in the order of a clustering, and its merges.

    A merge is four positions along the order (its two stems, each twice) and four heights, from the one stem over the
    height of the merge to the other; heights are shares of the last.
    """

    order: list[str]
    merges: list[tuple[list[float], list[float]]]


def tree(scores: xr.Dataset, metric: str) -> Tree:
    """Average-linkage clustering of the models, neighbours flipped to stand as close as they can.

    Models that have no score with some other model cannot be clustered, and follow in their own order.
    """
    from scipy.cluster.hierarchy import dendrogram, linkage
    from scipy.spatial.distance import squareform

    models, distance = dissimilarity(scores, metric)
    whole = complete(distance)
    if len(whole) < 3:
        return Tree(models, [])
    near = squareform(distance[np.ix_(whole, whole)], checks=False)
    drawn = dendrogram(linkage(near, "average", optimal_ordering=True), no_plot=True)
    leaves = drawn["leaves"]
    places = (np.asarray(drawn["icoord"]) - 5) / 10  # scipy sets leaves 10 apart, from 5
    if leaves[0] > leaves[-1]:  # a tree may be read from either end: start with the model that came first
        leaves, places = leaves[::-1], len(leaves) - 1 - places
    heights = np.asarray(drawn["dcoord"]) / max(np.max(drawn["dcoord"]), 1e-300)
    clustered = [models[whole[i]] for i in leaves]
    rest = [m for m in models if m not in clustered]
    return Tree(clustered + rest, list(zip(places.tolist(), heights.round(4).tolist())))


def complete(distance: np.ndarray) -> list[int]:
    """Rows to keep so that no distance among them is missing: the one with most missing goes first."""
    kept = list(range(len(distance)))
    while kept:
        holes = np.isnan(distance[np.ix_(kept, kept)]).sum(axis=1)
        if not holes.any():
            break
        kept.pop(int(np.argmax(holes)))
    return kept


def plane(scores: xr.Dataset, metric: str) -> Map:
    """The map of the models by classical scaling (Torgerson) of their dissimilarities.

    An axis has no sign of its own: the model furthest out along it is put on the positive side. Raises
    BadInput where fewer than three models can be placed.
    """
    models, distance = dissimilarity(scores, metric)
    kept = complete(distance)
    if len(kept) < 3:
        raise BadInput(
            "at least 3 models with a held-out best-layer score for every pair of them",
            f"{len(kept)} for {metric!r}",
            "compare more models with each other (all pairs), or look at the heat map",
        )
    distance = distance[np.ix_(kept, kept)]
    values, vectors = np.linalg.eigh(-0.5 * _centred(distance**2))
    values, vectors = values[::-1], vectors[:, ::-1]
    xy = vectors[:, :2] * np.sqrt(np.maximum(values[:2], 0))
    # Rounding before the choice keeps two models that are equally far out from trading places between
    # machines.
    furthest = np.argmax(np.round(np.abs(xy), 9), axis=0)
    xy *= np.where(xy[furthest, [0, 1]] < 0, -1, 1)
    held = float(np.maximum(values[:2], 0).sum() / max(np.abs(values).sum(), 1e-300))
    nearest = np.argmin(distance + np.where(np.eye(len(kept)), np.inf, 0), axis=1)
    return Map([models[i] for i in kept], xy, held, [int(i) for i in nearest])


def _centred(squares: np.ndarray) -> np.ndarray:
    return squares - squares.mean(0) - squares.mean(1)[:, None] + squares.mean()
