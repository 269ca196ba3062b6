"""The alignment part of a brain study: layers with regions, one metric at a time, kept the moment it is done."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from consilience.engine.progress import Progress
from consilience.pipelines.brain.prepare import Prepared
from consilience.pipelines.console import Console
from consilience.pipelines.runs.scorecache import ScoreCache

if TYPE_CHECKING:
    import xarray as xr

BY_METRIC = ("metrics", "reasons")


def keys(prepared: Prepared) -> dict[str, str]:
    """Metric -> the digest of what decides its alignment."""
    study = prepared.study
    return {
        metric: prepared.key(
            "alignment", metric=metric, recordings=prepared.recordings.digests(), regions=list(prepared.regions),
            hierarchy=study.hierarchy, permutations=study.permutations, bootstraps=study.bootstraps, seed=study.seed,
            preprocess=_preprocess(prepared),
        )
        for metric in prepared.metrics
    }  # fmt: skip


def align_missing(prepared: Prepared, cache: ScoreCache, console: Console) -> "dict[str, xr.Dataset]":
    """The alignment by every metric, from the cache or computed, in the table ``alignment``; none where the study asks
    for none."""
    wanted = keys(prepared)
    if not wanted:
        return {}

    def work(progress: Progress) -> Callable[[str], "xr.Dataset"]:
        return lambda metric: aligned(prepared, metric, progress)

    return {"alignment": joined(list(cache.filled(wanted, work, console, "Alignment").values()))}


def aligned(prepared: Prepared, metric: str, progress: Any) -> "xr.Dataset":
    """The layers of the models with the regions of the subjects, by one metric."""
    from consilience.engine.alignment import align

    study = prepared.study
    return align(
        prepared.layers(), prepared.brains(), [metric], hierarchy=study.hierarchy, permutations=study.permutations,
        bootstraps=study.bootstraps, seed=study.seed, budget=study.budget, preprocess=_preprocess(prepared),
        progress=progress, **study.placed,
    )  # fmt: skip


def joined(parts: "Sequence[xr.Dataset]") -> "xr.Dataset":
    """Tables of one metric each side by side."""
    import xarray as xr

    whole = xr.concat(list(parts), "metric", data_vars="all", combine_attrs="override")
    for name in BY_METRIC:
        found: dict[str, Any] = {}
        for part in parts:
            found |= json.loads(part.attrs.get(name, "{}"))
        whole.attrs[name] = json.dumps(found)
    notes = [note for part in parts for note in json.loads(part.attrs.get("notes", "[]"))]
    whole.attrs["notes"] = json.dumps(list(dict.fromkeys(notes)))
    return whole


def _preprocess(prepared: Prepared) -> dict[str, Any]:
    return {x.name: [step.spec() for step in x.preprocess] for x in prepared.study.models if x.preprocess}
