"""Compare representations: from features in, to a score table out. The front door of the engine."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import xarray as xr

from consilience.engine.errors import BadInput
from consilience.engine.inference.subsets import Groups, deal, subsets
from consilience.engine.linalg import one_thread
from consilience.engine.machine import Speed, check_device, nominal, read_bytes
from consilience.engine.metrics.registry import Request
from consilience.engine.passes import executors
from consilience.engine.passes.blocks import compute_dtype, frame
from consilience.engine.passes.layout import layout
from consilience.engine.passes.moment_sums import empty, fill
from consilience.engine.passes.moments import MomentPass, batches, moments
from consilience.engine.passes.second_order import second_order
from consilience.engine.passes.sums import Sums
from consilience.engine.passes.workspace import Pool
from consilience.engine.planning import Plan, Size, first_order_groups, make_plan, needs_of, pairs_of
from consilience.engine.progress import Progress, silent
from consilience.engine.reading import Features, Metrics, asked, on_same_samples, read
from consilience.engine.scoring.evaluated import Evaluated
from consilience.engine.scoring.first import FirstOrder, first_order
from consilience.engine.scoring.second import from_neighbours, from_sums
from consilience.engine.scoring.table import score_table


class Comparison:
    """Input joined and checked, metrics read, the plan made: everything short of computing."""

    def __init__(
        self,
        a: Features,
        b: Features | None = None,
        metrics: Metrics = ("cka",),
        *,
        se: bool = True,
        null: bool = True,
        permutations: int = 20,
        groups: int = 20,
        budget: str | float = "8GB",
        device: str = "cpu",
        seed: int = 0,
        executor: str = "threads",
        threads: int | None = None,
    ):
        self.requests = asked(metrics, single=False)
        if groups < 1 or permutations < 0:
            raise BadInput(
                "groups of 1 or more and permutations of 0 or more", f"groups={groups}, permutations={permutations}",
                "use groups=20, permutations=20, the defaults",
            )  # fmt: skip
        left = read(a)
        right = left if b is None else read(b)
        extra = [r for r in right if r.name not in {x.name for x in left}]
        self.joined = on_same_samples([*left, *extra], self.requests)
        self.representations = self.joined.representations
        self.a = list(range(len(left)))
        names = [r.name for r in self.representations]
        self.b = [names.index(r.name) for r in right]
        self.se, self.null, self.permutations, self.seed = se, null, permutations, seed
        self.device, self.executor = check_device(device), executor
        self.threads = threads or executors.workers(device)
        # Without standard errors only the two halves are told apart, and fewer groups are fewer blocks.
        self.groups: Groups = deal(self.joined.n, groups if se else min(groups, 2), seed)
        self.budget = read_bytes(budget)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs wanted, each once, and every representation with itself."""
        return pairs_of(self.a, self.b)

    def plan(self, measured: Speed | None = None) -> Plan:
        """Passes, blocks and memory; the seconds are those of a machine of that speed."""
        size = Size(
            self.joined.n,
            tuple(r.d for r in self.representations),
            compute_dtype(self.representations).itemsize,
            self.groups.count,
            self.pairs,
        )
        return make_plan(
            size, needs_of(self.requests), budget=self.budget, speed=measured or nominal(self.device), se=self.se,
            permutations=self.permutations if self.null else 0,
        )  # fmt: skip

    def _few_groups(self) -> Groups:
        return self.groups.merged(first_order_groups(self.groups.count, len(self.pairs)))

    def run(self, progress: Progress = silent) -> xr.Dataset:
        """The score table."""
        start = time.perf_counter()
        plan = self.plan()
        run = partial(executors.run, executor=self.executor, threads=self.threads, progress=progress)
        frames = [frame(r) for r in self.representations]
        evaluated: dict[str, Evaluated] = {}
        with one_thread() if self.device == "cpu" else nullcontext():
            second = [r for r in self.requests if r.metric.needs != "moments"]
            if second:
                evaluated |= self._second(second, plan, frames, run, progress)
            first = tuple(r for r in self.requests if r.metric.needs == "moments")
            if first:
                few = self._few_groups()
                work = FirstOrder(
                    first, tuple(self.representations), tuple(frames), few, subsets(few.count, se=self.se),
                    self.device, self.threads, self.budget / 4, run,
                )  # fmt: skip
                found = first_order(
                    work, self.pairs, null=self.null, permutations=self.permutations, seed=self.seed
                )
                evaluated |= {e.request.id: e for e in found}
        return score_table(
            [evaluated[r.id] for r in self.requests], self.joined, self.a, self.b, seed=self.seed,
            seconds=time.perf_counter() - start,
        )  # fmt: skip

    def _second(
        self, requests: Sequence[Request], plan: Plan, frames: list[Any], run: Any, progress: Progress
    ) -> dict[str, Evaluated]:
        chosen = subsets(self.groups.count, se=self.se)
        if plan.linear_by_moments:
            sums = {"linear": self._moment_sums(chosen, frames, plan.budget / 4, run)}
            neighbours = {}
        else:
            found = second_order(
                self.representations, frames, self.groups, chosen, layout(self.groups, plan.tile_rows),
                spaces=needs_of(requests).spaces, searches=dict(needs_of(requests).searches), null=self.null,
                strip_rows=plan.strip_rows, device=self.device, seed=self.seed, run=run,
            )  # fmt: skip
            sums, neighbours = found.sums, found.neighbours
        evaluated = {}
        for r in requests:
            if r.metric.needs == "sums":
                evaluated[r.id] = from_sums(r, sums[r.space], chosen, self.null)
            else:
                evaluated[r.id] = from_neighbours(
                    r, neighbours[r.space], chosen, null=self.null, permutations=self.permutations,
                    seed=self.seed, progress=progress,
                )  # fmt: skip
        return evaluated

    def _moment_sums(self, chosen: Any, frames: list[Any], budget: float, run: Any) -> Sums:
        reps = tuple(self.representations)
        sums = empty(self.groups, chosen, len(reps))
        pool, dtype = Pool(), compute_dtype(reps)
        for batch in batches(reps, self.pairs, self.groups.count, budget):
            work = MomentPass(
                reps, tuple(frames), self.groups, tuple(batch), dtype, self.device, norms=True, pool=pool
            )
            fill(sums, work, moments(work, run=run), chosen.masks, run)
        return sums


def compare(
    a: Features,
    b: Features | None = None,
    metrics: Metrics = ("cka",),
    *,
    progress: Progress = silent,
    **options: Any,
) -> xr.Dataset:
    """Scores of every representation of `a` with every one of `b` (default: of `a` with itself), with error bars.

    Args:
        a, b: a mapping from names to (n, d) arrays (NumPy, Dask, xarray) or feature tables, or a list of feature
            tables. Plain arrays must have the same length; everything with sample ids is joined on them.
        metrics: ids such as ``"cka"``, ``"cka:estimator=biased"``, or mappings.
        se: standard errors by the jackknife over `groups` row groups (20), and scores on two halves of the samples.
        null: mean, z and p of unrelated samples: exact where known, else by `permutations` seeded permutations (20).
        budget: memory above the inputs, for instance ``"8GB"``.
        device: of the block kernels, ``"cpu"`` or ``"cuda"``.
        seed: decides row groups and permutations.
        executor: ``"threads"``. threads: how many (default: all cores).
        progress: called as progress(stage, done, total).

    Returns:
        The score table; see `consilience.engine.scores`.

    Raises:
        BadInput: before any compute, for input that cannot be compared.
    """
    return Comparison(a, b, metrics, **options).run(progress)


def score(metric: str | Mapping[str, Any], x: Any, y: Any = None, **options: Any) -> float:
    """One score, without its error: ``score("cka", X, Y)``, X (n, d1) and Y (n, d2), or ``score("uniformity", X)``."""
    if y is None:
        from consilience.engine.profile import profile

        return float(profile({"x": x}, [metric], se=False, **options)["score"].values[0, 0])
    table = compare({"x": x}, {"y": y}, [metric], **{"se": False, "null": False, **options})
    return float(table["score"].values[0, 0, 0])
