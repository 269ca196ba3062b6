"""The runs of a study in a row: the scores of each pair of models, and from run to run what changed and moved them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.engine.inference.interval import quantile
from consilience.engine.tracking import Entry
from consilience.pipelines.reevaluate.changes import Change, changes
from consilience.pipelines.reevaluate.compared import compared
from consilience.pipelines.reevaluate.judging import table
from consilience.pipelines.report.best import best_pairs
from consilience.pipelines.report.numbers import number
from consilience.pipelines.studyfiles.study import Drift

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

MOST = 60  # runs: each takes about half a second to read
_OF_MODELS = ("new model", "model left out", "weights", "revision", "preprocessing", "parameters", "features")


def history(entries: Sequence[Entry]) -> dict[str, Any]:
    """As JSON: the runs with what changed in each, and of every metric the pairs of models, with their scores by run.

    A pair of models is shown by the pair of layers that one half of the samples chooses in the last run that has it;
    the scores are those of all samples. It has moved in a run where re-evaluation would call it drift, or where the
    inputs were the same. Of more than `MOST` runs the last are shown; `before` says how many came before them.
    """
    from consilience.engine.scores import open_scores

    before, entries = max(0, len(entries) - MOST), entries[-MOST:]
    tables = [open_scores(x.files / "scores.nc") for x in entries]
    steps = [_step(entries[k], tables[k - 1], tables[k]) for k in range(1, len(tables))]
    runs = [_run(entry, scores) for entry, scores in zip(entries, tables)]
    for run, (changed, _) in zip(runs[1:], steps):
        run["changes"] = [x.words() for x in changed]
    metrics = list(dict.fromkeys(str(m) for scores in reversed(tables) for m in scores["metric"].values))
    return {"runs": runs, "before": before, "metrics": [_metric(m, tables, steps) for m in metrics]}


def _run(entry: Entry, scores: "xr.Dataset") -> dict[str, Any]:
    sent, tags = entry.sent, entry.record.tags
    return {
        "created": tags["created"], "version": tags["version"], "changes": [],
        "commit": tags.get("mlflow.source.git.commit", "")[:12], "url": sent.url if sent else "",
        "id": (sent.run_id if sent else entry.digest)[:12],
        "samples": json.loads(scores.attrs["join"])["rows"],
        "models": len({str(m) for side in "ab" for m in scores[f"model_{side}"].values}),
    }  # fmt: skip


def _step(entry: Entry, before: "xr.Dataset", now: "xr.Dataset") -> "tuple[list[Change], pd.DataFrame]":
    """What changed from one run to the next, and all pairs that both have."""
    told = json.loads(entry.record.params.get("drift", "{}"))
    drift = Drift(**{k: v for k, v in told.items() if k in ("q", "change")})
    kept = _kept_scores(entry)
    return changes(before, now), table(compared(before, now, kept), drift).set_index(["metric", "a", "b"])


def _kept_scores(entry: Entry) -> Path:
    return entry.folder.parent.parent / ".scores"


def _metric(metric: str, tables: "Sequence[xr.Dataset]", steps: "Sequence[Any]") -> dict[str, Any]:
    chosen: dict[tuple[str, str], tuple[str, str]] = {}
    for scores in reversed(tables):
        if metric in scores["metric"].values:
            symmetric = json.loads(scores.attrs["metrics"]).get(metric, {}).get("symmetric", False)
            for (a, b), best in best_pairs(scores, metric).items():
                if (a, b) not in chosen and not (symmetric and (b, a) in chosen):
                    names = str(scores["a"].values[best.a]), str(scores["b"].values[best.b])
                    chosen[a, b] = names
    pairs = [_pair(metric, *models, *layers, tables, steps) for models, layers in chosen.items()]
    return {"id": metric, "pairs": pairs}


def _pair(
    metric: str, model_a: str, model_b: str, a: str, b: str, tables: "Sequence[xr.Dataset]", steps: "Sequence[Any]"
) -> dict[str, Any]:  # fmt: skip
    at, score, low, high = [], [], [], []
    for k, scores in enumerate(tables):
        if metric in scores["metric"].values and a in scores["a"].values and b in scores["b"].values:
            one = scores.sel(metric=metric, a=a, b=b)
            value, half = one["score"].item(), float(quantile(one["groups"].item())) * one["se"].item()
            if np.isfinite(value):
                at.append(k)
                score.append(number(value))
                low.append(number(value - half))
                high.append(number(value + half))
    moved = [
        x for k, step in enumerate(steps) if (x := _moved(k + 1, step, metric, a, b, (model_a, model_b)))
    ]
    return {
        "a": model_a, "b": model_b, "layers": [a, b], "at": at, "score": score, "low": low, "high": high,
        "moved": moved,
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
        why = [x.words() for x in changed if x.kind not in _OF_MODELS or x.what in models]
    return {"run": run, "why": why, **{k: number(row[k]) for k in ("change", "low", "high", "q")}}
