"""Compare representations: from features in, to a score table out. The front door of the engine."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import xarray as xr

from consilience.engine.errors import BadInput
from consilience.engine.features.join import Joined, join
from consilience.engine.features.representation import Representation, check, representations
from consilience.engine.inference.subsets import Groups, deal
from consilience.engine.linalg import one_thread
from consilience.engine.machine import Speed, check_device, nominal, read_bytes
from consilience.engine.metrics.registry import Request, parse
from consilience.engine.passes import executors
from consilience.engine.passes.blocks import compute_dtype, frame
from consilience.engine.planning import Plan, Size, make_plan, needs_of, pairs_of
from consilience.engine.progress import Progress, silent
from consilience.engine.scoring import first, second
from consilience.engine.scoring.evaluated import Evaluated
from consilience.engine.scoring.setting import Setting
from consilience.engine.scoring.table import score_table

Features = Mapping[str, Any] | Iterable[Any]
LEAST_SAMPLES = 4
# Which statistics a family of metrics needs, and how it is evaluated; a family shares its passes.
FAMILIES: tuple[tuple[tuple[str, ...], Callable[[Sequence[Request], Setting], list[Evaluated]]], ...] = (
    (("sums", "neighbours"), second.evaluate),
    (("moments",), first.evaluate),
)


class Comparison:
    """Input joined and checked, metrics read, the plan made: everything short of computing."""

    def __init__(
        self,
        a: Features,
        b: Features | None = None,
        metrics: Iterable[str | Mapping[str, Any]] = ("cka",),
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
        if isinstance(metrics, str | Mapping):
            metrics = [metrics]
        self.requests = list({r.id: r for r in map(parse, metrics)}.values())
        if not self.requests:
            raise BadInput("at least one metric", "none", "name one, for instance 'cka'")
        if groups < 1 or permutations < 0:
            raise BadInput(
                "groups of 1 or more and permutations of 0 or more", f"groups={groups}, permutations={permutations}",
                "use groups=20, permutations=20, the defaults",
            )  # fmt: skip
        left = _representations(a)
        right = left if b is None else _representations(b)
        extra = [r for r in right if r.name not in {x.name for x in left}]
        self.joined: Joined = join([*left, *extra])
        if self.joined.n < LEAST_SAMPLES:
            raise BadInput(
                f"at least {LEAST_SAMPLES} samples",
                str(self.joined.n),
                "compare on more stimuli, or check the ids",
            )
        self._check_neighbours()
        self.representations = [check(r) for r in self.joined.representations]
        self.a = list(range(len(left)))
        names = [r.name for r in self.representations]
        self.b = [names.index(r.name) for r in right]
        self.se, self.null, self.permutations, self.seed = se, null, permutations, seed
        self.device, self.executor = check_device(device), executor
        self.threads = threads or executors.workers(device)
        # Without standard errors only the two halves are told apart, and fewer groups are fewer blocks.
        self.groups: Groups = deal(self.joined.n, groups if se else min(groups, 2), seed)
        self.budget = read_bytes(budget)

    def _check_neighbours(self) -> None:
        for r in self.requests:
            k = r.parameters.get("k", 0)
            if k >= self.joined.n:
                raise BadInput(
                    f"k smaller than the number of samples in {r.id!r}", f"k = {k} with {self.joined.n} samples",
                    f"use k <= {self.joined.n - 1}",
                )  # fmt: skip

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

    def setting(self, progress: Progress = silent) -> Setting:
        """What every family of metrics is evaluated with."""
        return Setting(
            tuple(self.representations), tuple(map(frame, self.representations)), self.groups, self.pairs,
            self.plan(), self.se, self.null, self.permutations, self.seed, self.device, self.threads,
            partial(executors.run, executor=self.executor, threads=self.threads, progress=progress), progress,
        )  # fmt: skip

    def run(self, progress: Progress = silent) -> xr.Dataset:
        """The score table."""
        start = time.perf_counter()
        setting = self.setting(progress)
        evaluated: dict[str, Evaluated] = {}
        with one_thread() if self.device == "cpu" else nullcontext():
            for needs, evaluate in FAMILIES:
                if mine := [r for r in self.requests if r.metric.needs in needs]:
                    evaluated |= {e.request.id: e for e in evaluate(mine, setting)}
        return score_table(
            [evaluated[r.id] for r in self.requests], self.joined, self.a, self.b, seed=self.seed,
            seconds=time.perf_counter() - start,
        )  # fmt: skip


def _representations(features: Features) -> list[Representation]:
    if not isinstance(features, Mapping):
        features = list(features)
        if features and all(isinstance(f, Representation) for f in features):
            return features
    return representations(features)


def compare(
    a: Features,
    b: Features | None = None,
    metrics: Iterable[str | Mapping[str, Any]] = ("cka",),
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


def score(metric: str | Mapping[str, Any], x: Any, y: Any, **options: Any) -> float:
    """One score of X (n, d1) with Y (n, d2), without its error: ``score("cka", X, Y)``."""
    table = compare({"x": x}, {"y": y}, [metric], **{"se": False, "null": False, **options})
    return float(table["score"].values[0, 0, 0])
