"""Profile representations: metrics of one representation at a time, from features in to a table out.

The table is an xarray Dataset with dims (metric, a): ``score``, ``se`` its standard error, ``n`` the samples it rests
on. Coordinates: ``metric`` (canonical id) with ``groups`` (row groups behind the error; interval = score ±
t(groups - 1) se) and ``error`` (how it was had); ``a`` ("model/layer") with ``model_a``, ``layer_a``. Provenance is in
``attrs``, JSON where nested: ``reasons`` says by "metric|a" why a score is NaN, ``notes`` which
samples were left out, or why there is no error.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.errors import BadInput
from consilience.engine.features.join import Joined
from consilience.engine.inference.subsets import deal, subsets
from consilience.engine.linalg import one_thread
from consilience.engine.machine import Speed, check_device, nominal, read_bytes
from consilience.engine.metrics.registry import Request, registered
from consilience.engine.passes import executors
from consilience.engine.passes.blocks import frame
from consilience.engine.profile_plan import ProfilePlan, covariance_bytes, plan_profile
from consilience.engine.progress import Progress, silent
from consilience.engine.reading import Features, Metrics, asked, on_same_samples, read
from consilience.engine.scores import label
from consilience.engine.scoring.single import Profiled, SingleWork, from_covariances, from_means
from consilience.engine.scoring.single_tiles import from_tiles

VARIABLES = ("score", "se", "n")
EVALUATE: dict[Callable[..., list[Profiled]], tuple[str, ...]] = {
    from_covariances: ("covariance",),
    from_means: ("means",),
    from_tiles: ("directions", "distances"),
}


class Profile:
    """Input joined and checked, metrics read, the plan made: everything short of computing."""

    def __init__(
        self,
        features: Features,
        metrics: Metrics | None = None,
        *,
        se: bool = True,
        groups: int = 20,
        budget: str | float = "8GB",
        device: str = "cpu",
        seed: int = 0,
        executor: str = "threads",
        threads: int | None = None,
    ):
        self.requests = asked(every_metric() if metrics is None else metrics, single=True)
        if groups < 1:
            raise BadInput("groups of 1 or more", f"groups={groups}", "use groups=20, the default")
        self.joined = on_same_samples(read(features), self.requests)
        self.representations = self.joined.representations
        self.seed, self.device, self.executor = seed, check_device(device), executor
        self.threads = threads or executors.workers(device)
        self.groups = deal(self.joined.n, groups if se else 1, seed)
        self.budget = read_bytes(budget)

    def plan(self, measured: Speed | None = None) -> ProfilePlan:
        """Passes, blocks and memory; the seconds are those of a machine of that speed."""
        widths = [r.d for r in self.representations]
        return plan_profile(
            self.joined.n, widths, self.groups.count, self.requests, budget=self.budget,
            speed=measured or nominal(self.device),
        )  # fmt: skip

    def run(self, progress: Progress = silent) -> xr.Dataset:
        """The table."""
        start = time.perf_counter()
        plan = self.plan()
        work = SingleWork(
            tuple(self.representations), tuple(frame(r) for r in self.representations), self.groups,
            subsets(self.groups.count, halves=False), self.device, plan.batch, plan.tile_rows,
            plan.strip_rows, covariance_bytes(self.budget),
            partial(executors.run, executor=self.executor, threads=self.threads, progress=progress),
        )  # fmt: skip
        found: dict[str, Profiled] = {}
        with one_thread() if self.device == "cpu" else nullcontext():
            for evaluate, needs in EVALUATE.items():
                if requests := [r for r in self.requests if r.metric.needs in needs]:
                    found |= {p.request.id: p for p in evaluate(requests, work)}
        profiled = [found[r.id] for r in self.requests]
        return _table(profiled, self.joined, self.seed, time.perf_counter() - start)


def profile(
    features: Features, metrics: Metrics | None = None, *, progress: Progress = silent, **options: Any
) -> xr.Dataset:
    """Metrics of every representation by itself, such as its dimension, with error bars.

    Args:
        features: as for `compare`: a mapping from names to (n, d) arrays or feature tables, or a list of tables.
        metrics: ids such as ``"intrinsic_dimension:k=10,method=mle"``, or mappings; None: every metric there is.
        se: standard errors over `groups` row groups (20): by the jackknife, and of distances to neighbours by balanced
            half-samples.
        budget: memory above the inputs, for instance ``"8GB"``.
        device: of the block kernels, ``"cpu"`` or ``"cuda"``.
        seed: decides the row groups.
        executor: ``"threads"``. threads: how many (default: all cores).
        progress: called as progress(stage, done, total).

    Returns:
        The profile; see `consilience.engine.profile`.

    Raises:
        BadInput: before any compute, for input that cannot be profiled.
    """
    return Profile(features, metrics, **options).run(progress)


def every_metric() -> list[str]:
    """The names of all metrics of one representation."""
    return [name for name, metric in sorted(registered().items()) if metric.single]


def assemble(
    values: Mapping[str, np.ndarray],
    a: Sequence[tuple[str, str]],
    metric: Sequence[str],
    *,
    groups: Sequence[int],
    error: Sequence[str],
    attrs: Mapping[str, str | int | float],
) -> xr.Dataset:
    """A profile from plain arrays of shape (metric, a); `a` are (model, layer) names."""
    return xr.Dataset(
        {name: (("metric", "a"), np.asarray(values[name], np.float64)) for name in VARIABLES},
        coords={
            "metric": list(metric),
            "a": [label(*x) for x in a],
            "model_a": ("a", [m for m, _ in a]),
            "layer_a": ("a", [l for _, l in a]),
            "groups": ("metric", list(groups)),
            "error": ("metric", list(error)),
        },
        attrs=dict(attrs),
    )


def _table(profiled: Sequence[Profiled], joined: Joined, seed: int, seconds: float) -> xr.Dataset:
    nested = {
        "metrics": {p.request.id: _about(p.request) for p in profiled},
        "join": {"rows": joined.n, "dropped": joined.dropped},
        "reasons": _told(
            profiled, joined, lambda p, i: "" if np.isfinite(p.score[i]) else p.request.metric.undefined
        ),
        "notes": _told(profiled, joined, lambda p, i: _note(p, i, joined.n)),
        "elapsed": {"profile": round(seconds, 3)},
    }
    return assemble(
        {name: np.array([getattr(p, name) for p in profiled]) for name in VARIABLES},
        [(r.model, r.layer) for r in joined.representations],
        [p.request.id for p in profiled],
        groups=[p.groups for p in profiled],
        error=[p.error for p in profiled],
        attrs={
            "version": version("consilience"),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": seed,
            **{k: json.dumps(v) for k, v in nested.items()},
        },
    )


def _about(request: Request) -> dict[str, str]:
    return {k: getattr(request.metric, k) for k in ("title", "formula", "source", "range")}


def _told(
    profiled: Sequence[Profiled], joined: Joined, words: Callable[[Profiled, int], str]
) -> dict[str, str]:
    """What there is to say of a score, by "metric|a"."""
    said = {
        f"{p.request.id}|{r.name}": words(p, i)
        for p in profiled
        for i, r in enumerate(joined.representations)
    }
    return {key: text for key, text in said.items() if text}


def _note(p: Profiled, i: int, n: int) -> str:
    left = n - int(p.n[i])
    said = [f"{left} of {n} samples left out: {p.request.metric.leaves_out}"] if left else []
    if p.groups and np.isfinite(p.score[i]) and not np.isfinite(p.se[i]):
        said.append("no standard error: the score is undefined on some part of the samples")
    return "; ".join(said)
