"""Metrics on neighbour lists, and on how many neighbours they have in common, evaluated on every subset of rows."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch

from consilience.engine.inference.null import orders
from consilience.engine.inference.subsets import Subsets
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.executors import Run, joined
from consilience.engine.passes.neighbours import NeighbourLists, Neighbours
from consilience.engine.passes.overlaps import overlaps, overlaps_within
from consilience.engine.progress import Progress, silent
from consilience.engine.scoring.evaluated import EXACT, Evaluated, Tail, drawn_tail, exact_tail, mirrored


def from_neighbours(
    requests: Sequence[Request],
    neighbours: Mapping[str, Neighbours],
    subsets: Subsets,
    *,
    null: bool,
    permutations: int,
    seed: int,
    run: Run,
    progress: Progress = silent,
    lefts: Sequence[int] | None = None,
) -> list[Evaluated]:
    """Metrics on the neighbour lists, which are cut down to each subset in turn, once for all that look at the same;
    and on overlaps, which are counted on all subsets together. `run` runs tasks.

    With `lefts` only pairs with one of these representations are scored; others are NaN.
    """
    counts = {
        key: overlaps_within(neighbours[key[0]], subsets, key[1], lefts, run)
        for key in dict.fromkeys(map(_key, requests))
        if any(r.needs == "overlaps" for r in requests if _key(r) == key)
    }
    values: list[list[np.ndarray]] = [[] for _ in requests]
    tails: list[dict[int, Tail | None]] = [{} for _ in requests]
    how = ["none"] * len(requests)
    for subset in range(subsets.count):
        views: dict[tuple[str, int], NeighbourLists] = {}
        for i, r in enumerate(requests):
            key, tested = _key(r), null and subset in subsets.tested
            if key not in views and (tested or r.needs != "overlaps"):
                views[key] = neighbours[r.space].lists(subsets, subset, r.parameters["k"])
            with np.errstate(invalid="ignore", divide="ignore"):
                if r.needs == "overlaps":
                    found = _entered(r.metric.finish(counts[key][subset], **r.parameters), lefts)
                else:
                    found = compared(r, views[key], views[key], lefts)
                values[i].append(mirrored(found, r.symmetric))
                if tested:
                    tails[i][subset], how[i] = _tail(
                        r, views[key], values[i][-1], permutations, seed, run, lefts
                    )
        progress("neighbour lists", subset + 1, subsets.count)
    return [
        Evaluated(
            r, np.array(values[i]), subsets, neighbours[r.space].groups.n, tails[i].get(subsets.full),
            None if subsets.holdout is None else tails[i].get(subsets.holdout), how[i],
        )
        for i, r in enumerate(requests)
    ]  # fmt: skip


def _key(request: Request) -> tuple[str, int]:
    return request.space, request.parameters["k"]


def _entered(scores: np.ndarray, lefts: Sequence[int] | None) -> np.ndarray:
    """(R, R) from the scores (R, L) with each of `lefts`, of a symmetric metric; NaN elsewhere."""
    if lefts is None:
        return scores
    whole = np.full((len(scores),) * 2, np.nan)
    whole[:, list(lefts)] = scores
    whole[list(lefts)] = scores.T
    return whole


def compared(
    request: Request, left: NeighbourLists, right: NeighbourLists, lefts: Sequence[int] | None = None
) -> np.ndarray:
    """The scores (R, R) of two views of the same representations; with `lefts` of pairs with one of these, else NaN."""
    given = request.parameters

    def finish(x: NeighbourLists, y: NeighbourLists) -> np.ndarray:
        if request.needs == "overlaps":
            return request.metric.finish(overlaps(x.lists, y.lists), **given)
        return request.metric.finish(x, y, **given)

    if lefts is None:
        return finish(left, right)
    some, scores = list(lefts), np.full((len(left.lists),) * 2, np.nan)
    scores[:, some] = finish(left, right.only(some))
    # Of a symmetric metric the same, but where the right side's samples are in another order.
    both = request.symmetric and left is right
    scores[some] = scores[:, some].T if both else finish(left.only(some), right)
    return scores


def draws(
    request: Request,
    view: NeighbourLists,
    every: Iterable[np.ndarray],
    run: Run,
    lefts: Sequence[int] | None = None,
) -> np.ndarray:
    """The scores (orders, R, R) of every left side with every right side whose samples are in each of those orders; see
    `compared`. `run` runs tasks."""
    calls = [(request, view, order, lefts) for order in every]
    return np.array(run(_drawn, calls, joined, stage="permutations"))


def _drawn(
    request: Request, view: NeighbourLists, order: np.ndarray, lefts: Sequence[int] | None
) -> list[np.ndarray]:
    torch.set_num_threads(1)  # the tasks are the threads
    with np.errstate(invalid="ignore", divide="ignore"):
        return [compared(request, view, view.permuted(order), lefts)]


def _tail(
    request: Request,
    view: NeighbourLists,
    score: np.ndarray,
    permutations: int,
    seed: int,
    run: Run,
    lefts: Sequence[int] | None,
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
    found = draws(request, view, orders(len(view.rows), permutations, seed), run, lefts)
    return drawn_tail(found, score, request), f"{permutations} permutations"
