"""Metrics on moments, evaluated on every subset of rows: what each representation contributes once, pairs cheap."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from consilience.engine.inference.null import orders
from consilience.engine.inference.split import folded
from consilience.engine.inference.subsets import Groups, Subsets, subsets
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.blocks import compute_dtype
from consilience.engine.passes.moment_state import Pair
from consilience.engine.passes.moments import MomentPass
from consilience.engine.planning import first_order_groups
from consilience.engine.scoring.drawn import fit, from_rows
from consilience.engine.scoring.evaluated import Evaluated, Tail, drawn_tail
from consilience.engine.scoring.setting import Setting
from consilience.engine.scoring.spectral import Factors, Found, contributions, from_state
from consilience.engine.scoring.sweep import CHUNKS, Sweep, sweep_of, union


@dataclass(frozen=True)
class FirstOrder:
    """Requests on the same row groups: those of `subsets`, or with `folds` those of each fold; see `folded`."""

    requests: tuple[Request, ...]
    sweep: Sweep
    groups: Groups
    subsets: Subsets
    folds: int

    def factors(self) -> Factors:
        """What every representation contributes, on every subset."""
        make = partial(contributions, self.requests, self.sweep.frames, self.subsets.masks, self.folds)
        return self.sweep.own(make, self.groups)

    def values(self, factors: Factors, pairs: Sequence[Pair]) -> np.ndarray:
        """Scores of `pairs`, (requests, S, R, R), NaN elsewhere."""
        chosen = self.subsets
        precise = np.zeros(chosen.count, bool)
        precise[[k for k in (chosen.full, chosen.select, chosen.holdout) if k is not None]] = True
        make = partial(from_state, self.requests, factors, chosen.masks, precise, self.folds, 0)
        return self.entered(self.sweep.over(make, pairs, self.groups, "decompositions"), 1, chosen.count)[0]

    def draws(self, factors: Factors, pairs: Sequence[Pair], orders: Sequence[np.ndarray]) -> np.ndarray:
        """Scores of all rows with the right side's in each of those orders, (orders, requests, R, R)."""
        works = [self.sweep.work(chunk, self.groups) for chunk in self.sweep.chunks(pairs, None)]
        if self._held(works):
            found = self._from_rows(factors, works, orders)
        else:
            found = self._from_moments(factors, pairs, orders)
        return self.entered(found, len(orders), 1)[:, :, 0]

    def _held(self, works: Sequence[MomentPass]) -> bool:
        """Whether each task can hold the rows of its pairs; folds are sums of moments."""
        most = self.sweep.budget / self.sweep.run.together
        return not self.folds and all(fit(work, len(self.requests), most) for work in works)

    def _from_rows(
        self, factors: Factors, works: Sequence[MomentPass], orders: Sequence[np.ndarray]
    ) -> Found:
        """From rows held in memory."""
        sweep = self.sweep
        make = partial(from_rows, self.requests, factors, compute_dtype(sweep.representations))
        # Of few pairs, the orders are what tasks share.
        parts = min(len(orders), -(-CHUNKS * sweep.run.workers // len(works)))
        calls = [
            ({p: orders[p] for p in some.tolist()}, work)
            for some in np.array_split(np.arange(len(orders)), parts)
            for work in works
        ]
        costs = [len(some) * sum(map(sweep.cost, work.pairs)) for some, work in calls]
        return sweep.run(make, calls, union, costs=costs, stage="permutations")

    def _from_moments(self, factors: Factors, pairs: Sequence[Pair], orders: Sequence[np.ndarray]) -> Found:
        """By blocks of rows, however many there are."""
        order = self.groups.order
        whole = Groups(order, self.groups.edges[:: self.subsets.masks.shape[1]])
        once, rough = np.ones((1, 1), bool), np.zeros(1, bool)
        calls = []
        for p, permuted in enumerate(orders):
            make = partial(from_state, self.requests, factors, once, rough, self.folds, p)
            calls += self.sweep.calls(make, pairs, whole, order[permuted], len(orders))
        return self.sweep.finish(calls, "permutations")

    def orders(self, permutations: int, seed: int) -> Iterator[np.ndarray]:
        """Seeded permutations of the samples; with folds inside each, to which the factors belong."""
        if not self.folds:
            yield from orders(self.groups.n, permutations, seed)
            return
        rng = np.random.default_rng([seed, 1])
        edges = self.groups.edges[:: self.subsets.masks.shape[1]]
        for _ in range(permutations):
            yield np.concatenate([a + rng.permutation(b - a) for a, b in pairwise(edges)])

    def entered(self, found: Found, draws: int, count: int) -> np.ndarray:
        """(draws, requests, count, R, R) from (requests, count, 2) scores, both directions, of each pair and draw."""
        size = len(self.sweep.representations)
        values = np.full((draws, len(self.requests), count, size, size), np.nan)
        for (a, b, draw), scores in found.items():
            values[draw, :, :, a, b], values[draw, :, :, b, a] = scores[..., 0], scores[..., 1]
        return values


def evaluate(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    """Every request over the pairs, with the null of seeded permutations."""
    found = []
    for folds in sorted({r.parameters.get("folds", 0) for r in requests}):
        found += _evaluate([r for r in requests if r.parameters.get("folds", 0) == folds], setting, folds)
    return found


def prepared(requests: Sequence[Request], setting: Setting, folds: int = 0) -> FirstOrder:
    """The requests over the representations of `setting`, in as many row groups as they can afford."""
    few = first_order_groups(setting.groups.count, setting.size.whole)
    if folds:
        groups = folded(setting.groups.n, folds, few, setting.seed)
        chosen = subsets(groups.count // folds, se=setting.se)
    else:
        groups = setting.groups.merged(few)
        chosen = subsets(groups.count, se=setting.se)
    return FirstOrder(tuple(requests), sweep_of(setting), groups, chosen, folds)


def _evaluate(requests: Sequence[Request], setting: Setting, folds: int) -> list[Evaluated]:
    work = prepared(requests, setting, folds)
    factors = work.factors()
    values = work.values(factors, setting.asked)
    tails: list[Tail | None] = [None] * len(requests)
    how = "none"
    if setting.null and setting.permutations:
        how = f"{setting.permutations} permutations"
        permuted = list(work.orders(setting.permutations, setting.seed))
        draws = work.draws(factors, setting.asked, permuted)
        for k, request in enumerate(requests):
            score = values[k, work.subsets.full]
            tails[k] = drawn_tail(draws[:, k], score, request)
    return [
        Evaluated(request, values[k], work.subsets, setting.groups.n, tails[k], None, how)
        for k, request in enumerate(requests)
    ]
