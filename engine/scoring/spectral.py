"""The tasks behind first-order metrics: own contributions, and the scores of pairs on every subset of rows."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from consilience.engine.metrics.linear import CrossOfMoments, Own
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.blocks import Frame
from consilience.engine.passes.moment_state import Pair, State, covariances, over_folds, over_groups

Factors = dict[tuple[int, int], list[Any]]  # representation, subset -> one factor a request
Found = dict[tuple[int, int, int], np.ndarray]  # a, b, draw -> (requests, S, 2): the scores of each direction


def contributions(
    requests: Sequence[Request],
    frames: Sequence[Frame],
    masks: np.ndarray,
    folds: int,
    state: State,
    pair: Pair,
) -> Factors:
    """What one representation, paired with itself in `state`, gives to all its pairs."""
    r, _ = pair
    found: Factors = {}
    for s, own in enumerate(_owns(state, pair, masks, folds, frames[r].scale)):
        found[r, s] = [q.metric.factor(own, **q.parameters) for q in requests]  # type: ignore[misc]
    return found


def from_state(
    requests: Sequence[Request],
    factors: Factors,
    masks: np.ndarray,
    precise: np.ndarray,
    folds: int,
    draw: int,
    state: State,
    pair: Pair,
) -> Found:
    """The scores of one pair. `precise` (S,) says on which subsets the last digits matter."""
    a, b = pair
    scores = np.empty((len(requests), len(masks), 2))
    for s, (cross, transposed) in enumerate(_crosses(state, pair, masks, folds, precise)):
        scores[:, s] = finished(requests, factors[a, s], factors[b, s], cross, transposed)
    return {(a, b, draw): scores}


def finished(
    requests: Sequence[Request], left: list[Any], right: list[Any], cross: Any, transposed: Any
) -> list[tuple[float, float]]:
    """The scores of a pair on one subset, both directions, from what each side contributes."""
    scores = []
    for k, request in enumerate(requests):
        finish, given = request.metric.finish, request.parameters
        there = finish(left[k], right[k], cross, **given)
        scores.append((there, there if request.symmetric else finish(right[k], left[k], transposed, **given)))
    return scores


def _owns(state: State, pair: Pair, masks: np.ndarray, folds: int, scale: float) -> Iterator[Own | list[Own]]:
    """One representation on each subset; with folds, on each of them."""
    if folds:
        for found in over_folds(state, pair, masks, folds):
            yield [Own(f.matrix, f.n, scale, f.test) for f in found]
    else:
        for gram, n in covariances(state, pair, masks):
            yield Own(gram, n, scale)


def _crosses(
    state: State, pair: Pair, masks: np.ndarray, folds: int, precise: np.ndarray
) -> Iterator[tuple[Any, Any]]:
    """A pair on each subset, and the other way round; with folds, on each of them."""
    if folds:
        for digits, found in zip(precise, over_folds(state, pair, masks, folds)):
            crosses = [CrossOfMoments(f.matrix, bool(digits), f.test) for f in found]
            yield crosses, [c.transposed for c in crosses]
    else:
        for digits, (matrix, _) in zip(precise, over_groups(state, pair, masks)):
            cross = CrossOfMoments(matrix, bool(digits))
            yield cross, cross.transposed
