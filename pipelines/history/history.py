"""The runs of a study in a row: the scores of each pair of models, or of each model in each region, and from run to run
what changed and moved them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.engine.tracking import Entry
from consilience.pipelines.history.series import Series, metrics_of, models_in, series_of
from consilience.pipelines.reevaluate.changes import Change, changes
from consilience.pipelines.reevaluate.judging import table
from consilience.pipelines.reevaluate.kinds import alike, of_entry, of_table
from consilience.pipelines.report.numbers import number
from consilience.pipelines.studyfiles.entries import Drift

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_ELSEWHERE = ("new region", "region left out")  # which no score of another region rests on
MOST = 60  # runs: each takes about half a second to read
_OF_MODELS = ("new model", "model left out", "weights", "revision", "preprocessing", "parameters", "features")


def history(entries: Sequence[Entry]) -> dict[str, Any]:
    """As JSON: the runs with what changed in each, and of every metric its scores by run; see
    `pipelines.history.series`.

    A score has moved in a run where re-evaluation would call it drift, or where the
    inputs were the same. Of more than `MOST` runs the last are shown; `before` says how many came before them.
    """
    from consilience.engine.scores import open_scores

    before, entries = max(0, len(entries) - MOST), entries[-MOST:]
    tables = [open_scores(x.files / kind.file) for x in entries if (kind := of_entry(x)) is not None]
    steps = [_step(entries[k], tables[k - 1], tables[k]) for k in range(1, len(tables))]
    runs = [_run(entry, scores) for entry, scores in zip(entries, tables)]
    for run, (changed, _) in zip(runs[1:], steps):
        run["changes"] = [x.words() for x in changed]
    metrics = list(dict.fromkeys(m for scores in reversed(tables) for m in metrics_of(scores)))
    return {
        "runs": runs, "before": before, "metrics": [_metric(m, tables, steps) for m in metrics],
        "kind": of_table(tables[-1]).name if tables else "", "joined": of_table(tables[-1]).joined if tables else "",
    }  # fmt: skip


def _run(entry: Entry, scores: "xr.Dataset") -> dict[str, Any]:
    sent, tags = entry.sent, entry.record.tags
    return {
        "created": tags["created"], "version": tags["version"], "changes": [],
        "commit": tags.get("mlflow.source.git.commit", "")[:12], "url": sent.url if sent else "",
        "id": (sent.run_id if sent else entry.digest)[:12],
        "samples": json.loads(scores.attrs["join"])["rows"],
        "models": models_in(scores),
    }  # fmt: skip


def _step(entry: Entry, before: "xr.Dataset", now: "xr.Dataset") -> "tuple[list[Change], pd.DataFrame]":
    """What changed from one run to the next, and all pairs that both have."""
    told = json.loads(entry.record.params.get("drift", "{}"))
    drift = Drift(**{k: v for k, v in told.items() if k in ("q", "change")})
    kept = _kept_scores(entry)
    found = table(alike(before, now).compared(before, now, kept, kept), drift)
    return changes(before, now), found.set_index(["metric", "a", "b"])


def _kept_scores(entry: Entry) -> Path:
    return entry.folder.parent.parent / ".scores"


def _metric(metric: str, tables: "Sequence[xr.Dataset]", steps: "Sequence[Any]") -> dict[str, Any]:
    return {"id": metric, "pairs": [_pair(metric, one, steps) for one in series_of(metric, tables)]}


def _pair(metric: str, one: Series, steps: "Sequence[Any]") -> dict[str, Any]:
    found = (_moved(k + 1, step, metric, *one.key, one.models) for k, step in enumerate(steps))
    moved = [x for x in found if x is not None]
    return {
        "a": one.models[0], "b": one.models[1], "layers": list(one.shown),
        "at": one.at, "score": one.score, "low": one.low, "high": one.high, "moved": moved,
    }  # fmt: skip


def _moved(
    run: int, step: "tuple[list[Change], pd.DataFrame]", metric: str, a: str, b: str, models: tuple[str, str]
) -> dict[str, Any] | None:
    """What moved a pair in a run; None where it has not moved."""
    changed, pairs = step
    key = next((x for x in ((metric, a, b), (metric, b, a)) if x in pairs.index), None)
    if key is None:
        return None
    row = pairs.loc[key]
    if not (row["drifted"] or row["irreproducible"]):
        return None
    if row["irreproducible"]:
        why = ["the same inputs gave another number", *(x.words() for x in changed if x.kind == "version")]
    else:
        why = [x.words() for x in changed if x.kind not in (*_OF_MODELS, *_ELSEWHERE) or x.what in models]
    return {"run": run, "why": why, **{k: number(row[k]) for k in ("change", "low", "high", "q")}}
