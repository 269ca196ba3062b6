"""Metrics on moments, evaluated on every subset of rows: what each representation contributes once, pairs cheap."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from consilience.engine.features.representation import Representation
from consilience.engine.inference.null import from_permutations
from consilience.engine.inference.subsets import Groups, Subsets
from consilience.engine.metrics.linear import Own, centred
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.blocks import Frame
from consilience.engine.passes.moments import MomentPass, Pair, State, moments, over_groups, pair_bytes
from consilience.engine.scoring.evaluated import Evaluated, Tail

Factors = dict[tuple[int, int], list[Any]]  # representation, subset -> one factor a request
Run = Callable[..., Any]


@dataclass(frozen=True)
class FirstOrder:
    """The requests over these representations. `run` executes tasks; see `passes.executors.run`."""

    requests: tuple[Request, ...]
    representations: tuple[Representation, ...]
    frames: tuple[Frame, ...]
    groups: Groups
    subsets: Subsets
    device: str
    run: Run

    def sweep(
        self, pairs: Sequence[Pair], groups: Groups, right: np.ndarray | None = None, stage: str = "moments"
    ) -> State:
        """The moments of `pairs`, in float64: a covariance squares what float32 can tell apart."""
        work = MomentPass(
            self.representations, self.frames, groups, tuple(pairs), np.dtype(np.float64), self.device, right
        )
        return moments(work, run=self.run, stage=stage)

    def factors(self, budget: float) -> Factors:
        """What every representation contributes, on every subset."""
        found: Factors = {}
        for pairs in self.batches([(r, r) for r in range(len(self.representations))], budget):
            state = self.sweep(pairs, self.groups, stage="own moments")
            calls = [(self.requests, state, pair, self.subsets) for pair in pairs]
            found |= self.run(_factors, calls, _union, costs=self.costs(pairs), stage="own decompositions")
        return found

    def values(self, factors: Factors, pairs: Sequence[Pair], budget: float) -> np.ndarray:
        """Scores of `pairs`, (requests, S, R, R), NaN elsewhere."""
        size = len(self.representations)
        values = np.full((len(self.requests), self.subsets.count, size, size), np.nan)
        for batch in self.batches(pairs, budget):
            state = self.sweep(batch, self.groups)
            calls = [(self.requests, factors, state, pair, self.subsets.masks) for pair in batch]
            self.enter(
                values, self.run(_scores, calls, _union, costs=self.costs(batch), stage="decompositions")
            )
        return values

    def draws(
        self, factors: Factors, pairs: Sequence[Pair], permutations: int, seed: int, budget: float
    ) -> np.ndarray:
        """Scores of all rows with the right side's permuted, (permutations, requests, R, R)."""
        size, order = len(self.representations), self.groups.order
        rng = np.random.default_rng([seed, 1])
        whole = Groups(order, np.array([0, len(order)]))
        draws = np.full((permutations, len(self.requests), 1, size, size), np.nan)
        for p in range(permutations):
            right = order[rng.permutation(len(order))]
            for batch in self.batches(pairs, budget, groups=1):
                state = self.sweep(batch, whole, right, stage=f"permutation {p + 1} of {permutations}")
                calls = [(self.requests, factors, state, pair, np.ones((1, 1), bool)) for pair in batch]
                stage = f"decompositions, permutation {p + 1} of {permutations}"
                self.enter(draws[p], self.run(_scores, calls, _union, costs=self.costs(batch), stage=stage))
        return draws[:, :, 0]

    def enter(self, values: np.ndarray, found: dict[Pair, np.ndarray]) -> None:
        """Write (requests, S, 2) scores of each pair, in both directions, into (requests, S, R, R)."""
        for (a, b), scores in found.items():
            values[:, :, a, b], values[:, :, b, a] = scores[..., 0], scores[..., 1]

    def batches(
        self, pairs: Sequence[Pair], budget: float, groups: int | None = None
    ) -> Iterator[list[Pair]]:
        """Runs of `pairs` whose matrices fit the budget together; at least one pair."""
        batch: list[Pair] = []
        used = 0.0
        for pair in pairs:
            size = pair_bytes(self.representations, pair, groups or self.groups.count)
            if batch and used + size > budget:
                yield batch
                batch, used = [], 0.0
            batch.append(pair)
            used += size
        if batch:
            yield batch

    def costs(self, pairs: Sequence[Pair]) -> list[float]:
        """A decomposition of a (d_a, d_b) matrix takes about d_a d_b min(d_a, d_b)."""
        widths = [(self.representations[a].d, self.representations[b].d) for a, b in pairs]
        return [float(x * y * min(x, y)) for x, y in widths]


def first_order(
    work: FirstOrder, pairs: Sequence[Pair], *, null: bool, permutations: int, seed: int, budget: float
) -> list[Evaluated]:
    """Every request over `pairs`, with the null of seeded permutations."""
    factors = work.factors(budget)
    values = work.values(factors, pairs, budget)
    tails: list[Tail | None] = [None] * len(work.requests)
    if null and permutations:
        draws = work.draws(factors, pairs, permutations, seed, budget)
        for k, request in enumerate(work.requests):
            score = values[k, work.subsets.full]
            tails[k] = Tail(*from_permutations(draws[:, k], score, request.metric.direction))
    how = f"{permutations} permutations" if null and permutations else "none"
    return [
        Evaluated(request, values[k], work.subsets, work.groups.n, tails[k], None, how)
        for k, request in enumerate(work.requests)
    ]


def _factors(requests: Sequence[Request], state: State, pair: Pair, subsets: Subsets) -> Factors:
    torch.set_num_threads(1)
    found: Factors = {}
    for s, z in enumerate(over_groups(state, pair, subsets.masks)):
        own = Own(centred(z), round(z[0, 0]))
        found[pair[0], s] = [r.metric.factor(own, **r.parameters) for r in requests]  # type: ignore[misc]
    return found


def _scores(
    requests: Sequence[Request], factors: Factors, state: State, pair: Pair, masks: np.ndarray
) -> dict[Pair, np.ndarray]:
    """(requests, S, 2): the score of each direction on each subset."""
    torch.set_num_threads(1)
    a, b = pair
    scores = np.empty((len(requests), len(masks), 2))
    for s, z in enumerate(over_groups(state, pair, masks)):
        cross = centred(z)
        for k, request in enumerate(requests):
            finish, given = request.metric.finish, request.parameters
            there = finish(factors[a, s][k], factors[b, s][k], cross, **given)
            back = there
            if not request.metric.symmetric:
                back = finish(factors[b, s][k], factors[a, s][k], cross.T, **given)
            scores[k, s] = there, back
    return {pair: scores}


def _union(parts: list[dict[Any, Any]]) -> dict[Any, Any]:
    merged: dict[Any, Any] = {}
    for part in parts:
        merged |= part
    return merged
