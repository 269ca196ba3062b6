"""Metrics on neighbour lists, evaluated on every subset of rows."""

import numpy as np

from consilience.engine.inference.null import from_permutations, orders
from consilience.engine.inference.subsets import Subsets
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.neighbours import NeighbourLists, Neighbours
from consilience.engine.progress import Progress, silent
from consilience.engine.scoring.evaluated import EXACT, Evaluated, Tail, exact_tail, mirrored


def from_neighbours(
    request: Request,
    found: Neighbours,
    subsets: Subsets,
    *,
    null: bool,
    permutations: int,
    seed: int,
    progress: Progress = silent,
) -> Evaluated:
    """A metric on the neighbour lists, which are cut down to each subset in turn."""
    metric, given = request.metric, request.parameters
    values, tails = [], {}
    n = found.groups.n
    how = "none"
    for subset in range(subsets.count):
        view = view_of(request, found, subsets, subset)
        with np.errstate(invalid="ignore", divide="ignore"):
            values.append(mirrored(metric.finish(view, view, **given), request.symmetric))
            if null and subset in subsets.tested:
                tails[subset], how = _tail(request, view, values[-1], permutations, seed)
        progress(metric.name, subset + 1, subsets.count)
    holdout = tails.get(subsets.holdout) if subsets.holdout is not None else None
    return Evaluated(request, np.array(values), subsets, n, tails.get(subsets.full), holdout, how)


def view_of(request: Request, found: Neighbours, subsets: Subsets, subset: int) -> NeighbourLists:
    """What the metric looks at: the lists of that subset, with the inner products where it asks for them."""
    view = found.lists(subsets, subset, request.parameters["k"])
    if request.metric.values and found.inner is not None:
        view = NeighbourLists(view.lists, view.rows, found.inner(view))
    return view


def drawn(request: Request, view: NeighbourLists, order: np.ndarray) -> np.ndarray:
    """The scores (R, R) of every left side with every right side whose samples are in that order."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return request.metric.finish(view, view.permuted(order), **request.parameters)


def _tail(
    request: Request, view: NeighbourLists, score: np.ndarray, permutations: int, seed: int
) -> tuple[Tail | None, str]:
    metric, given = request.metric, request.parameters
    if (
        metric.null is not None and (view.lists < 0).any()
    ):  # a half has fewer samples than neighbours are wanted
        return None, EXACT
    if metric.null is not None:
        return exact_tail(metric.null(view, **given), score, request), EXACT
    if not permutations:
        return None, "none"
    draws = np.array([drawn(request, view, order) for order in orders(len(view.rows), permutations, seed)])
    return Tail(*from_permutations(draws, score, metric.direction)), f"{permutations} permutations"
