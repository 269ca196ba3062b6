"""Compare representations: from features in, to a score table out. The front door of the engine."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine import preprocessing
from consilience.engine.comparison_plan import plan_comparison
from consilience.engine.errors import BadInput, unknown
from consilience.engine.features.labels import labels_of
from consilience.engine.features.repeats import crossed
from consilience.engine.inference.subsets import Groups, deal
from consilience.engine.linalg import one_thread
from consilience.engine.machine import Speed, check_device, nominal, read_bytes
from consilience.engine.metrics.registry import ON_LISTS, Request
from consilience.engine.pairs import asked_of, named, with_own
from consilience.engine.passes.blocks import frame
from consilience.engine.passes.executors import Executor, on_executor
from consilience.engine.planning import Plan, needs_of
from consilience.engine.progress import Progress, silent
from consilience.engine.reading import Features, Metrics, asked, not_on_left, on_same_samples, read
from consilience.engine.scores import WIDE
from consilience.engine.scoring import batches, classes, first, held_out, sampled, second, triangles
from consilience.engine.scoring.evaluated import Evaluated
from consilience.engine.scoring.known import Lists, known
from consilience.engine.scoring.precision import PRECISIONS
from consilience.engine.scoring.setting import Setting
from consilience.engine.scoring.settled import settled
from consilience.engine.scoring.table import score_table

# Which statistics a family of metrics needs, and how it is evaluated; a family shares its passes.
Family = tuple[tuple[str, ...], Callable[[Sequence[Request], Setting], list[Evaluated]]]
SAMPLED: tuple[Family, ...] = ((("sums", *ON_LISTS), sampled.evaluate),)
FAMILIES: tuple[Family, ...] = (
    (("sums", *ON_LISTS, "unions"), second.evaluate),
    (("classes",), classes.evaluate),
    (("batches",), batches.evaluate),
    (("triangles",), triangles.evaluate),
    (("moments",), first.evaluate),
    (("held_out",), held_out.evaluate),
)


class Comparison:
    """Input joined and checked, metrics read, the plan made: everything short of computing."""

    def __init__(
        self,
        a: Features,
        b: Features | None = None,
        metrics: Metrics = ("cka",),
        *,
        se: bool = True,
        until_se: float | None = None,
        by: Any = None,
        labels: Any = None,
        null: bool = True,
        permutations: int = 20,
        groups: int = 20,
        budget: str | float = "8GB",
        device: str = "cpu",
        seed: int = 0,
        precision: str = "exact",
        executor: str = "threads",
        address: str | None = None,
        threads: int | None = None,
        preprocess: preprocessing.Preprocess = (),
        pairs: Iterable[tuple[str, str]] | None = None,
        among: int = 0,
        left_out: bool = False,
        kept: Lists | None = None,
        progress: Progress = silent,
    ):
        steps = preprocessing.read_steps(preprocess)
        self.requests = asked(metrics, single=False, **({} if by is None else {"by": "label"}))
        if groups < 1 or permutations < 0:
            raise BadInput(
                "groups of 1 or more and permutations of 0 or more", f"groups={groups}, permutations={permutations}",
                "use groups=20, permutations=20, the defaults",
            )  # fmt: skip
        left = read(a)
        right = left if b is None else read(b)
        self.joined = on_same_samples([*left, *not_on_left(left, right)], self.requests)
        self.representations = self.joined.representations
        if until_se is not None:
            sampled.check(self.requests, until_se)
        # So few samples are compared pair by pair sooner than parts of them are drawn.
        self.until_se = until_se if self.joined.n >= sampled.LEAST_SAMPLES else None
        self.labels = self._labels(by if labels is None else labels)
        if steps and (wanting := [r.id for r in self.requests if r.repeats]):
            raise BadInput(
                f"features as they are for {wanting[0]!r}", "preprocessing", "leave preprocess out"
            )
        self.a = list(range(len(left)))
        names = [r.name for r in self.representations]
        self.b = [names.index(r.name) for r in right]
        self.asked = asked_of(self.a, self.b) if pairs is None else named(pairs, names)
        self.among, self.left_out = among, left_out
        self.se, self.null, self.permutations, self.seed = se, null, permutations, seed
        if precision not in PRECISIONS:
            raise unknown("precision", precision, PRECISIONS)
        self.device, self.precision = check_device(device), precision
        self.run_on = Executor(executor, address, threads, device)
        # Without standard errors only the two halves are told apart, and fewer groups are fewer blocks.
        self.groups: Groups = deal(self.joined.n, groups if se else min(groups, 2), seed)
        self.budget = read_bytes(budget)
        # Few digits are tried on all of them, and random parts have other neighbours.
        self.kept = kept if precision == "exact" and self.until_se is None else None
        self.lists, self.known = known(self.kept, names, needs_of(self.requests).searches)
        self.representations = preprocessing.preprocessed(
            self.representations, steps, seed=seed, budget=self.budget, progress=progress,
            run=self.run_on,
        )  # fmt: skip

    def crossed(self, setting: Setting, request: Request) -> Setting:
        """The same with inner products of different repeats."""
        reps = tuple(crossed(r, request.id) for r in setting.representations)
        return replace(setting, representations=reps, frames=tuple(map(frame, reps)))

    def _labels(self, given: Any) -> np.ndarray | None:
        wanting = [r.id for r in self.requests if r.labelled]
        if given is None and not wanting:
            return None
        if given is None:
            raise BadInput(f"labels of the samples for {wanting[0]!r}", "none", "give labels=, or by=")
        if not wanting:
            raise BadInput(
                "a metric that uses labels, because labels are given", ", ".join(r.id for r in self.requests),
                "add cka:by=label, or leave the labels out",
            )  # fmt: skip
        labels = labels_of(given, self.joined)
        classes.check_classes(labels)
        return labels

    def _told(self, e: Evaluated) -> Evaluated:
        """With what its id does not say in its notes: which are RDMs, and which are too wide for it."""
        found = {
            "RDMs as given": [r.name for r in self.representations if r.rdm],
            WIDE: [r.name for r in self.representations if e.request.biased and r.d > self.joined.n],
        }
        return replace(e, notes={**e.notes, **{k: names for k, names in found.items() if names}})

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs wanted, each once, and every representation with itself."""
        return with_own(self.asked, range(len(self.representations)))

    def plan(self, measured: Speed | None = None) -> Plan:
        """Passes, blocks and memory; the seconds are those of a machine of that speed."""
        speed = measured or nominal(self.device, self.run_on.workers, self.run_on.together)
        return plan_comparison(
            preprocessing.Load.of(self.representations), [r.d for r in self.representations], self.requests, self.pairs,
            groups=self.groups.count, budget=self.budget, speed=speed, se=self.se,
            permutations=self.permutations if self.null else 0,
            classes=() if self.labels is None else np.unique(self.labels, return_counts=True)[1].tolist(),
            precision=self.precision, sampled=self.until_se is not None,
            rdms=sum(r.rdm for r in self.representations), among=self.among, known=self.known,
        )  # fmt: skip

    def setting(self, progress: Progress = silent) -> Setting:
        """What every family of metrics is evaluated with."""
        return Setting(
            tuple(self.representations), tuple(map(frame, self.representations)), self.groups, self.pairs,
            self.asked, self.plan(), self.se, self.null, self.permutations, self.seed, self.device,
            replace(self.run_on, progress=progress), progress, self.labels, self.until_se, self.precision,
            among=self.among, kept=self.kept, lists=self.lists, known=self.known,
        )  # fmt: skip

    def evaluated(self, requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
        """Those requests on the pairs of `setting`."""
        found: dict[str, Evaluated] = {}
        with one_thread() if self.device == "cpu" else nullcontext():
            for needs, evaluate in FAMILIES if self.until_se is None else SAMPLED:
                for repeats in (False, True):
                    mine = [r for r in requests if r.needs in needs and r.repeats == repeats]
                    if mine:
                        on = self.crossed(setting, mine[0]) if repeats else setting
                        done = settled(evaluate(mine, on), on.representations)
                        found |= {e.request.id: self._told(e) for e in done}
        return [found[r.id] for r in requests]

    def run(self, progress: Progress = silent) -> xr.Dataset:
        """The score table."""
        start = time.perf_counter()
        evaluated = self.evaluated(self.requests, self.setting(progress))
        scores = score_table(
            evaluated,
            self.joined,
            self.a,
            self.b,
            self.asked,
            seed=self.seed,
            seconds=time.perf_counter() - start,
            left_out=self.left_out,
        )
        return scores.assign_attrs(preprocessing.attributes(self.representations))


@on_executor
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
        a, b: a mapping from names to (n, d) arrays (NumPy, Dask, xarray), `RDM` or feature tables, or a list of feature
            tables. Plain arrays must have the same length; everything with sample ids is joined on them.
        metrics: ids such as ``"cka"``, ``"cka:estimator=biased"``, or mappings.
        se: standard errors by the jackknife over `groups` row groups (20), and scores on two halves of the samples.
        until_se: draw random parts of all pairs of samples until the standard errors are this small, for the metrics
            of which that is an unbiased estimate; `notes` of the table say how many pairs it took.
        labels: of the samples, for metrics that ask for them (``cka:by=label``): a mapping from sample id to label, or
            one label a row for arrays without ids. by: the same, and every metric that can be class-conditional is.
        null: mean, z and p of unrelated samples: exact where known, else by `permutations` seeded permutations (20).
        budget: memory above the inputs, for instance ``"8GB"``: of this process, and of each process of a cluster.
        device: of the block kernels, ``"cpu"`` or ``"cuda"``.
        seed: decides row groups, permutations and random projections.
        precision: ``exact``; ``fast``: the products of all-pairs CKA in bfloat16, and nearest neighbours by cosine from
            8-bit integers, scored again in float32; ``auto``: fast where that is faster and, measured on a sample, its
            error of CKA is below 1/50 of the standard errors. Neighbour lists are those of ``exact``, in 99.99 % of
            their entries at least; representations of which that is not so, or which are too small for it to be faster,
            are searched in float32 in any case.
            `notes` say which it was, and what was measured.
        preprocess: steps applied to all representations in the order given, such as ``["clip", "l2"]``, or a mapping
            from models to such lists; see `consilience.engine.preprocessing`. Default: none.
        pairs: of names, the only ones to be scored, both ways round; the others are NaN. Default: all of `a` with all
            of `b`. among: how many pairs the comparison has of which these are a part, each representation with itself
            counted: it decides into how few row groups metrics of moments fall. So a part of a comparison has the
            scores that it has as a whole.
        left_out: keep the scores without each row group in turn, as ``left_out`` (metric, group, a, b) in float32: two
            scores of the same samples differ with the error that the jackknife of their differences has.
        kept: where neighbour lists are kept from one comparison to the next; see `consilience.engine.scoring.known`.
        executor: where tasks run: ``"threads"`` of this process; ``"distributed"``, a Dask cluster; ``"ray"``, a Ray
            cluster. A cluster is the one at `address` (``tcp://host:8786``, ``host:6379``), else the one this process
            has a client of already, else processes on this machine for the length of the call. An address with its
            scheme may be given as `executor` alone. Scores do not depend on it beyond 1e-6.
        threads: how many, or processes where a cluster is started (default: all cores).
        progress: called as progress(stage, done, total).

    Returns:
        The score table; see `consilience.engine.scores`.

    Raises:
        BadInput: before any compute, for input that cannot be compared.
    """
    return Comparison(a, b, metrics, progress=progress, **options).run(progress)


@on_executor
def score(metric: str | Mapping[str, Any], x: Any, y: Any = None, **options: Any) -> float:
    """One score, without its error: ``score("cka", X, Y)``, X (n, d1) and Y (n, d2), or ``score("uniformity", X)``."""
    if y is None:
        from consilience.engine.profile import profile

        return float(profile({"x": x}, [metric], se=False, **options)["score"].values[0, 0])
    alone = {"se": False, "null": False, "groups": 1}  # one group: no halves to choose and to score on either
    table = compare({"x": x}, {"y": y}, [metric], **{**alone, **options})
    return float(table["score"].values[0, 0, 0])
