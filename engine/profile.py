"""Profile representations: metrics of one representation at a time, from features in to a table out."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine import preprocessing
from consilience.engine.errors import BadInput
from consilience.engine.features.labels import labels_of
from consilience.engine.inference.subsets import deal, subsets
from consilience.engine.linalg import one_thread
from consilience.engine.machine import Speed, check_device, nominal, read_bytes
from consilience.engine.metrics.registry import registered
from consilience.engine.passes.blocks import frame
from consilience.engine.passes.executors import Executor, on_executor
from consilience.engine.profile_plan import ProfilePlan, covariance_bytes, plan_profile
from consilience.engine.progress import Progress, silent
from consilience.engine.reading import Features, Metrics, asked, on_same_samples, read
from consilience.engine.scoring.settled import within
from consilience.engine.scoring.single import Profiled, SingleWork, from_covariances, from_means
from consilience.engine.scoring.single_probe import check_probes, from_probes
from consilience.engine.scoring.single_table import profile_table
from consilience.engine.scoring.single_tiles import from_tiles

EVALUATE: dict[Callable[..., list[Profiled]], tuple[str, ...]] = {
    from_covariances: ("covariance",),
    from_means: ("means",),
    from_tiles: ("directions", "distances"),
    from_probes: ("probe",),
}


class Profile:
    """Input joined and checked, metrics read, the plan made: everything short of computing."""

    def __init__(
        self,
        features: Features,
        metrics: Metrics | None = None,
        *,
        labels: Any = None,
        se: bool = True,
        groups: int = 20,
        budget: str | float = "8GB",
        device: str = "cpu",
        seed: int = 0,
        executor: str = "threads",
        address: str | None = None,
        threads: int | None = None,
        preprocess: preprocessing.Preprocess = (),
        progress: Progress = silent,
    ):
        steps = preprocessing.read_steps(preprocess)
        self.requests = asked(
            every_metric(labelled=labels is not None) if metrics is None else metrics, single=True
        )
        if groups < 1:
            raise BadInput("groups of 1 or more", f"groups={groups}", "use groups=20, the default")
        self.joined = on_same_samples(read(features), self.requests)
        self.seed, self.device = seed, check_device(device)
        self.run_on = Executor(executor, address, threads, device)
        self.labels = self._labels(labels)
        self.groups = deal(self.joined.n, groups if se else 1, seed)
        self.budget = read_bytes(budget)
        self.representations = preprocessing.preprocessed(
            self.joined.representations, steps, seed=seed, budget=self.budget, progress=progress,
            run=self.run_on,
        )  # fmt: skip

    def _labels(self, given: Any) -> np.ndarray | None:
        probes = [r for r in self.requests if r.needs == "probe"]
        if given is None and probes:
            raise BadInput(f"labels of the samples for {probes[0].id!r}", "none", "give labels=")
        if given is None:
            return None
        if not probes:
            raise BadInput(
                "a metric that uses labels, because labels are given", ", ".join(r.id for r in self.requests),
                "add probe, or leave the labels out",
            )  # fmt: skip
        labels = labels_of(given, self.joined)
        check_probes(probes, labels, self.seed)
        return labels

    def plan(self, measured: Speed | None = None) -> ProfilePlan:
        """Passes, blocks and memory; the seconds are those of a machine of that speed."""
        widths = [r.d for r in self.representations]
        return plan_profile(
            self.joined.n, widths, self.groups.count, self.requests, budget=self.budget,
            speed=measured or nominal(self.device, self.run_on.workers, self.run_on.together),
        )  # fmt: skip

    def run(self, progress: Progress = silent) -> xr.Dataset:
        """The table."""
        start = time.perf_counter()
        plan = self.plan()
        work = SingleWork(
            tuple(self.representations), tuple(frame(r) for r in self.representations), self.groups,
            subsets(self.groups.count, halves=False), self.device, plan.batch, plan.tile_rows,
            plan.strip_rows, covariance_bytes(self.budget),
            replace(self.run_on, progress=progress),
            self.seed, self.labels,
        )  # fmt: skip
        found: dict[str, Profiled] = {}
        with one_thread() if self.device == "cpu" else nullcontext():
            for evaluate, needs in EVALUATE.items():
                if requests := [r for r in self.requests if r.needs in needs]:
                    for p in evaluate(requests, work):
                        found[p.request.id] = replace(p, score=within(p.request, p.score))
        profiled = [found[r.id] for r in self.requests]
        table = profile_table(profiled, self.joined, seed=self.seed, seconds=time.perf_counter() - start)
        return table.assign_attrs(preprocessing.attributes(self.representations))


@on_executor
def profile(
    features: Features, metrics: Metrics | None = None, *, progress: Progress = silent, **options: Any
) -> xr.Dataset:
    """Metrics of every representation by itself, such as its dimension, with error bars.

    Args:
        features: as for `compare`: a mapping from names to (n, d) arrays or feature tables, or a list of tables.
        metrics: ids such as ``"intrinsic_dimension:k=10,method=mle"``, or mappings; None: every metric there is
            (`probe` only with `labels`).
        labels: of the samples, for ``probe``: a mapping from sample id to label, or one label a row for arrays without
            ids. Floating-point labels are predicted as numbers, all others as classes.
        se: standard errors over `groups` row groups (20): by the jackknife, and of distances to neighbours by balanced
            half-samples.
        budget: memory above the inputs, for instance ``"8GB"``.
        device: of the block kernels, ``"cpu"`` or ``"cuda"``.
        seed: decides the row groups, and which half of the samples a probe is fitted on.
        executor, address, threads: as for `compare`.
        preprocess: as for `compare`.
        progress: called as progress(stage, done, total).

    Returns:
        The profile; see `consilience.engine.scoring.single_table`.

    Raises:
        BadInput: before any compute, for input that cannot be profiled.
    """
    return Profile(features, metrics, progress=progress, **options).run(progress)


def every_metric(*, labelled: bool = False) -> list[str]:
    """The names of all metrics of one representation; of those that need labels only if the samples are `labelled`."""
    known = sorted(registered().items())
    return [name for name, metric in known if metric.single and (labelled or metric.needs != "probe")]
