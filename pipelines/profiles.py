"""The profile of a study: its metrics of one representation, of which only what is new is computed."""

import json
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.pipelines.console import Console
from consilience.pipelines.prepare import Name, Prepared, Profiling
from consilience.pipelines.scorecache import ScoreCache, completed, profile_keys, takes_labels
from consilience.pipelines.steps import steps_of

if TYPE_CHECKING:
    import xarray as xr


def profile_missing(prepared: Prepared, cache: ScoreCache, console: Console) -> "xr.Dataset | None":
    """The profile of the whole study, from the cache and, for what it lacks, from one sweep a group of metrics.

    None where the study asks for no metric of one representation.
    """
    profiles = prepared.profiles()
    if not profiles:
        return None
    parts = completed(cache, profiles, profile_keys(prepared), partial(compute, prepared), "Profile", console)
    names = prepared.in_order([x for p in profiles for x in p.a])
    merged = merge([parts[m] for m in prepared.metric_ids() if m in parts], names)
    return merged.assign_attrs(study=prepared.study.name, seed=prepared.study.seed)


def compute(prepared: Prepared, profiling: Profiling, progress: Any) -> "xr.Dataset":
    """One sweep over the representations of `profiling`, for all its metrics."""
    from consilience.engine.profile import profile

    study = prepared.study
    steps = {model: [x.id for x in asked] for model, asked in steps_of(prepared).items()}
    return profile(
        prepared.representations(profiling.a), profiling.metrics, groups=study.groups, budget=study.budget,
        device=study.device, seed=study.seed, progress=progress, **study.placed,
        preprocess={model: steps[model] for model, _ in profiling.a},
        labels=prepared.labels if any(takes_labels(m) for m in profiling.metrics) else None,
    )  # fmt: skip


def merge(parts: "Sequence[xr.Dataset]", a: Sequence[Name]) -> "xr.Dataset":
    """One profile over the representations `a` from `parts` of one metric each; NaN where a part has no score."""
    from consilience.engine.scores import label
    from consilience.engine.scoring.single_table import VARIABLES, assemble

    at = {label(*x): i for i, x in enumerate(a)}
    values = {name: np.full((len(parts), len(a)), np.nan) for name in VARIABLES}
    for k, part in enumerate(parts):
        columns = [at[str(x)] for x in part["a"].values]
        for name in VARIABLES:
            values[name][k, columns] = part[name].values[0]
    nested = {
        name: json.dumps({k: v for part in parts for k, v in json.loads(part.attrs[name]).items()})
        for name in ("metrics", "reasons", "notes")
    }
    newest = max(parts, key=lambda part: part.attrs["created"]).attrs
    return assemble(
        values,
        a,
        [str(part["metric"].values[0]) for part in parts],
        groups=[int(part["groups"].values[0]) for part in parts],
        error=[str(part["error"].values[0]) for part in parts],
        attrs={"version": newest["version"], "created": newest["created"], "join": newest["join"], **nested},
    )
