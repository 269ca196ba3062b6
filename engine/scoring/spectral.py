"""The tasks behind first-order metrics: own contributions, and the scores of pairs on every subset of rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from consilience.engine.inference.subsets import Subsets
from consilience.engine.metrics.linear import Cross, Own
from consilience.engine.metrics.registry import Request
from consilience.engine.passes import executors
from consilience.engine.passes.moment_state import Pair, State, over_groups
from consilience.engine.passes.moments import MomentPass, moments

Factors = dict[tuple[int, int], list[Any]]  # representation, subset -> one factor a request
Found = dict[tuple[int, int, int], np.ndarray]  # a, b, draw -> (requests, S, 2): the scores of each direction


def contributions(
    requests: Sequence[Request], state: State, pair: Pair, subsets: Subsets, scale: float
) -> Factors:
    """What one representation, paired with itself in `state` and read at that scale, gives to all its pairs."""
    found: Factors = {}
    for s, (gram, n) in enumerate(over_groups(state, pair, subsets.masks)):
        own = Own(gram, n, scale)
        found[pair[0], s] = [r.metric.factor(own, **r.parameters) for r in requests]  # type: ignore[misc]
    return found


def from_rows(
    requests: Sequence[Request],
    factors: Factors,
    work: MomentPass,
    masks: np.ndarray,
    precise: np.ndarray,
    draw: int,
) -> Found:
    """The scores of the pairs of `work`, whose moments this task sums up by itself."""
    state = moments(work, run=executors.serial)
    found: Found = {}
    for pair in work.pairs:
        for key, scores in from_state(requests, factors, state, pair, masks, precise).items():
            found[*key[:2], draw] = scores
    return found


def from_state(
    requests: Sequence[Request],
    factors: Factors,
    state: State,
    pair: Pair,
    masks: np.ndarray,
    precise: np.ndarray,
) -> Found:
    """The scores of one pair. `precise` (S,) says on which subsets the last digits matter."""
    a, b = pair
    scores = np.empty((len(requests), len(masks), 2))
    for s, (matrix, _) in enumerate(over_groups(state, pair, masks)):
        cross = Cross(matrix, bool(precise[s]))
        for k, request in enumerate(requests):
            finish, given = request.metric.finish, request.parameters
            there = finish(factors[a, s][k], factors[b, s][k], cross, **given)
            back = there
            if not request.metric.symmetric:
                back = finish(factors[b, s][k], factors[a, s][k], cross.transposed, **given)
            scores[k, s] = there, back
    return {(a, b, 0): scores}


def union(parts: list[dict[Any, Any]]) -> dict[Any, Any]:
    """All of them in one."""
    merged: dict[Any, Any] = {}
    for part in parts:
        merged |= part
    return merged
