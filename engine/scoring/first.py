"""Metrics on moments, evaluated on every subset of rows: what each representation contributes once, pairs cheap."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from consilience.engine.features.representation import Representation
from consilience.engine.inference.null import from_permutations, orders
from consilience.engine.inference.subsets import Groups, Subsets, subsets
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.blocks import Frame
from consilience.engine.passes.moment_state import Pair
from consilience.engine.passes.moments import MomentPass, batches, moments
from consilience.engine.passes.workspace import Pool
from consilience.engine.planning import first_order_groups
from consilience.engine.scoring.evaluated import Evaluated, Tail
from consilience.engine.scoring.setting import Setting
from consilience.engine.scoring.spectral import Factors, Found, contributions, from_rows, from_state, union

# A decomposition for each pair and subset is the work: pairs go to the threads in about this many chunks each.
CHUNKS = 8
NEAR = 12  # representations; pairs of one chunk come from few of them, so that few are read


@dataclass(frozen=True)
class FirstOrder:
    """The requests over these representations. `run` executes tasks; see `passes.executors.run`."""

    requests: tuple[Request, ...]
    representations: tuple[Representation, ...]
    frames: tuple[Frame, ...]
    groups: Groups
    subsets: Subsets
    device: str
    threads: int
    budget: float
    run: Callable[..., Any]
    pool: Pool = field(
        default_factory=Pool, compare=False
    )  # one for all passes: each would keep its own memory

    def work(self, pairs: Sequence[Pair], groups: Groups, right: np.ndarray | None = None) -> MomentPass:
        """The pass for `pairs`, in float64: a covariance squares what float32 can tell apart."""
        return MomentPass(
            self.representations, self.frames, groups, tuple(pairs), np.dtype(np.float64), self.device, right,
            pool=self.pool,
        )  # fmt: skip

    def factors(self) -> Factors:
        """What every representation contributes, on every subset."""
        found: Factors = {}
        for pairs in self.batches(
            [(r, r) for r in range(len(self.representations))], self.budget, self.groups
        ):
            state = moments(self.work(pairs, self.groups), run=self.run, stage="own moments")
            calls = [(self.requests, state, pair, self.subsets, self.frames[pair[0]].scale) for pair in pairs]
            costs = [self.cost(pair) for pair in pairs]
            found |= self.run(contributions, calls, union, costs=costs, stage="own decompositions")
        return found

    def values(self, factors: Factors, pairs: Sequence[Pair]) -> np.ndarray:
        """Scores of `pairs`, (requests, S, R, R), NaN elsewhere."""
        chosen = self.subsets
        precise = np.zeros(chosen.count, bool)
        precise[[k for k in (chosen.full, chosen.select, chosen.holdout) if k is not None]] = True
        found: Found = {}
        if len(pairs) >= CHUNKS * self.threads:
            chunks = list(self.chunks(pairs, self.groups))
            tasks = [
                (self.requests, factors, self.work(c, self.groups), chosen.masks, precise, 0) for c in chunks
            ]
            costs = [sum(map(self.cost, c)) for c in chunks]
            found = self.run(from_rows, tasks, union, costs=costs, stage="decompositions")
        else:  # the rows of few pairs go to the threads instead
            for batch in self.batches(pairs, self.budget, self.groups):
                state = moments(self.work(batch, self.groups), run=self.run)
                calls = [(self.requests, factors, state, pair, chosen.masks, precise) for pair in batch]
                found |= self.run(from_state, calls, union, stage="decompositions")
        return self.entered(found, 0, chosen.count)

    def draws(self, factors: Factors, pairs: Sequence[Pair], orders: Sequence[np.ndarray]) -> np.ndarray:
        """Scores of all rows with the right side's in each of those orders, (orders, requests, R, R)."""
        order = self.groups.order
        whole = Groups(order, np.array([0, len(order)]))
        chunks = list(self.chunks(pairs, whole, len(orders)))
        once, rough = np.ones((1, 1), bool), np.zeros(1, bool)
        calls, costs = [], []
        for p, permuted in enumerate(orders):
            right = order[permuted]
            calls += [(self.requests, factors, self.work(c, whole, right), once, rough, p) for c in chunks]
            costs += [sum(map(self.cost, c)) for c in chunks]
        found = self.run(from_rows, calls, union, costs=costs, stage="permutations")
        return np.stack([self.entered(found, p, 1)[:, 0] for p in range(len(orders))])

    def entered(self, found: Found, draw: int, count: int) -> np.ndarray:
        """(requests, count, R, R) from the (requests, count, 2) scores of each pair, both directions."""
        size = len(self.representations)
        values = np.full((len(self.requests), count, size, size), np.nan)
        for (a, b, d), scores in found.items():
            if d == draw:
                values[:, :, a, b], values[:, :, b, a] = scores[..., 0], scores[..., 1]
        return values

    def chunks(self, pairs: Sequence[Pair], groups: Groups, times: int = 1) -> Iterator[list[Pair]]:
        """Pairs of near representations, of about equal cost, whose matrices fit the budget of one thread.

        Each chunk is a task so many `times`: the more often, the fewer chunks there need be.
        """
        most = times * sum(map(self.cost, pairs)) / (CHUNKS * self.threads)
        for _, near in groupby(sorted(pairs, key=lambda pair: (_area(pair), pair)), _area):
            for batch in self.batches(list(near), self.budget / self.threads, groups):
                chunk: list[Pair] = []
                for pair in batch:
                    chunk.append(pair)
                    if sum(map(self.cost, chunk)) >= most:
                        yield chunk
                        chunk = []
                if chunk:
                    yield chunk

    def batches(self, pairs: Sequence[Pair], budget: float, groups: Groups) -> Iterator[list[Pair]]:
        """Runs of `pairs` whose matrices, one a group, fit `budget` together."""
        return batches(self.representations, pairs, groups.count, budget)

    def cost(self, pair: Pair) -> float:
        """A decomposition of a (d_a, d_b) matrix takes about d_a d_b min(d_a, d_b)."""
        x, y = (self.representations[k].d for k in pair)
        return float(x * y * min(x, y))


def _area(pair: Pair) -> tuple[int, int]:
    return pair[0] // NEAR, pair[1] // NEAR


def prepared(requests: Sequence[Request], setting: Setting) -> FirstOrder:
    """The requests over the representations of `setting`, in as many row groups as they can afford."""
    groups = setting.groups.merged(first_order_groups(setting.groups.count, len(setting.pairs)))
    return FirstOrder(
        tuple(requests), setting.representations, setting.frames, groups, subsets(groups.count, se=setting.se),
        setting.device, setting.threads, setting.plan.budget / 4, setting.run,
    )  # fmt: skip


def evaluate(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    """Every request over the pairs, with the null of seeded permutations."""
    work = prepared(requests, setting)
    factors = work.factors()
    values = work.values(factors, setting.pairs)
    tails: list[Tail | None] = [None] * len(requests)
    how = "none"
    if setting.null and setting.permutations:
        how = f"{setting.permutations} permutations"
        permuted = list(orders(setting.groups.n, setting.permutations, setting.seed))
        draws = work.draws(factors, setting.pairs, permuted)
        for k, request in enumerate(requests):
            score = values[k, work.subsets.full]
            tails[k] = Tail(*from_permutations(draws[:, k], score, request.metric.direction))
    return [
        Evaluated(request, values[k], work.subsets, setting.groups.n, tails[k], None, how)
        for k, request in enumerate(requests)
    ]
