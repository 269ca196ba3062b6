"""What is made of pairs of representations, and of the moments of each pair where those are needed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from consilience.engine.costs.moments import TOGETHER
from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups
from consilience.engine.passes import executors
from consilience.engine.passes.blocks import Frame
from consilience.engine.passes.executors import Run
from consilience.engine.passes.moment_state import Pair, State
from consilience.engine.passes.moments import MomentPass, batches, moments
from consilience.engine.passes.workspace import Pool
from consilience.engine.scoring.setting import Setting

# What follows on the moments is the work: pairs go to the workers in about this many chunks each.
CHUNKS = 8
NEAR = TOGETHER // 2  # representations; pairs of one chunk come from few of them, so that few are read

Made = dict[Any, Any]
Make = Callable[
    [State | None, Pair], Made
]  # of the moments of a pair, or of none, whatever is wanted, by keys
Call = tuple[Make, tuple[Pair, ...], MomentPass | None]


@dataclass(frozen=True)
class Sweep:
    """The representations, and how tasks over pairs of them are run; see `passes.executors.run`."""

    representations: tuple[Representation, ...]
    frames: tuple[Frame, ...]
    device: str
    budget: float
    run: Run
    pool: Pool = field(
        default_factory=Pool, compare=False
    )  # one for all passes: each would keep its own memory

    def work(self, pairs: Sequence[Pair], groups: Groups, right: np.ndarray | None = None) -> MomentPass:
        """The pass for `pairs`, in float64: a covariance squares what float32 can tell apart."""
        return MomentPass(
            self.representations, self.frames, groups, tuple(pairs), np.dtype(np.float64), self.device, right,
            pool=self.pool,
        )  # fmt: skip

    def own(self, make: Make, groups: Groups | None) -> Made:
        """What `make` gives of every representation paired with itself, and of its moments over `groups` if given."""
        pairs = [(r, r) for r in range(len(self.representations))]
        return self._by_rows(make, pairs, groups, "own moments", "own decompositions")

    def over(self, make: Make, pairs: Sequence[Pair], groups: Groups | None, stage: str) -> Made:
        """What `make` gives of `pairs`, and of their moments over `groups` if given."""
        if groups is not None and len(pairs) < CHUNKS * self.run.workers:
            # The rows of few pairs go to the workers instead.
            return self._by_rows(make, pairs, groups, "moments", stage)
        return self.finish(self.calls(make, pairs, groups), stage)

    def calls(
        self,
        make: Make,
        pairs: Sequence[Pair],
        groups: Groups | None,
        right: np.ndarray | None = None,
        times: int = 1,
    ) -> list[Call]:
        """The tasks of `over`, with the right side's rows in an order of their own if given.

        Where there are as many tasks more, so many `times`, each may be larger.
        """
        return [
            (make, tuple(c), None if groups is None else self.work(c, groups, right))
            for c in self.chunks(pairs, groups, times)
        ]

    def finish(self, calls: Sequence[Call], stage: str) -> Made:
        """All that those tasks give."""
        costs = [sum(map(self.cost, pairs)) for _, pairs, _ in calls]
        return self.run(_task, calls, union, costs=costs, stage=stage)

    def _by_rows(
        self, make: Make, pairs: Sequence[Pair], groups: Groups | None, reading: str, stage: str
    ) -> Made:
        """As `over`: tasks sum up rows of all pairs, and then each makes something of one pair."""
        found: Made = {}
        count = 0 if groups is None else groups.count
        for batch in batches(self.representations, pairs, count, self.budget):
            state = None
            if groups is not None:
                state = moments(self.work(batch, groups), run=self.run, stage=reading)
            calls, costs = [(state, pair) for pair in batch], [self.cost(pair) for pair in batch]
            found |= self.run(make, calls, union, costs=costs, stage=stage)
        return found

    def chunks(self, pairs: Sequence[Pair], groups: Groups | None, times: int = 1) -> Iterator[list[Pair]]:
        """Pairs of near representations, of about equal cost, whose matrices fit the budget of one thread."""
        most = times * sum(map(self.cost, pairs)) / (CHUNKS * self.run.workers)
        count = 0 if groups is None else groups.count
        for _, near in groupby(sorted(pairs, key=lambda pair: (_area(pair), pair)), _area):
            for batch in batches(self.representations, list(near), count, self.budget / self.run.together):
                chunk: list[Pair] = []
                for pair in batch:
                    chunk.append(pair)
                    if sum(map(self.cost, chunk)) >= most:
                        yield chunk
                        chunk = []
                if chunk:
                    yield chunk

    def cost(self, pair: Pair) -> float:
        """A decomposition of a (d_a, d_b) matrix takes about d_a d_b min(d_a, d_b)."""
        x, y = (self.representations[k].d for k in pair)
        return float(x * y * min(x, y))


def _area(pair: Pair) -> tuple[int, int]:
    return pair[0] // NEAR, pair[1] // NEAR


def sweep_of(setting: Setting) -> Sweep:
    """The sweep over all representations of a comparison, within a quarter of its budget."""
    return Sweep(
        setting.representations, setting.frames, setting.device, setting.plan.budget / 4, setting.run,
    )  # fmt: skip


def _task(make: Make, pairs: Sequence[Pair], work: MomentPass | None) -> Made:
    """What `make` gives of some pairs, whose moments this task sums up by itself."""
    state = None if work is None else moments(work, run=executors.serial)
    return union([make(state, pair) for pair in pairs])


def union(parts: list[Made]) -> Made:
    """All of them in one."""
    merged: Made = {}
    for part in parts:
        merged |= part
    return merged
