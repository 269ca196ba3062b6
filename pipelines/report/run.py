"""The run page: what the replicas did over time, the slowest shards, the retries, from the logs beside the tables."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from consilience.engine.extraction.runlog import DIED, FITTED, LOADED, WRITTEN, RunRecord, read_runs
from consilience.engine.features.location import Location

DOINGS = ("forward", "load", "write", "start", "wait", "lost")  # what a replica may be doing
_BINS, _SLOWEST, _RETRIES = 120, 10, 20


def run_facts(tables: Iterable[Location]) -> dict[str, Any]:
    """What the page tells of the last extraction into those tables, as JSON; empty where no log is left of one.

    `seconds` are the middles of bins of time, and `replicas` says of each of `DOINGS` how many did it, on average.
    """
    runs = _last([run for table in tables for run in read_runs(table)])
    lines = [{**line, "model": run.about["model"]} for run in runs for line in run.lines.to_pylist()]
    written = [x for x in lines if x["event"] == WRITTEN]
    if not written:
        return {}
    retries = sorted((x for x in lines if x["event"] == DIED), key=lambda x: x["ended"])
    first = min(x["began"] for x in lines)
    slowest = sorted(written, key=lambda x: -x["seconds"])[:_SLOWEST]
    return {
        "models": list(dict.fromkeys(x["model"] for x in lines)),
        "shards": len(written),
        "samples": sum(x["rows"] for x in written),
        "bytes": sum(x["bytes"] for x in written),
        "batches": {x["model"]: x["rows"] for x in lines if x["event"] == FITTED},
        **_over_time(lines, first),
        "slowest": [
            {k: x[k] for k in ("model", "shard", "attempt")}
            | {k: round(x[k], 2) for k in ("seconds", "load", "forward", "write")}
            | {"node": x["node"][:8]}
            for x in slowest
        ],
        "retried": len(retries),
        "retries": [
            {
                "model": x["model"],
                "shard": x["shard"],
                "after": round((x["ended"] - first).total_seconds(), 1),
                "reason": (x["reason"] or "").rstrip("."),
            }
            for x in retries[:_RETRIES]
        ],
    }


def _last(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """The runs that went on at the same time as the last one, or as another of them."""
    found: list[RunRecord] = []
    for run in sorted(runs, key=lambda run: run.beat, reverse=True):
        if found and run.beat < min(_began(other) for other in found):
            break
        found.append(run)
    return found


def _began(run: RunRecord) -> datetime:
    return datetime.fromisoformat(run.about["began"])


def _over_time(lines: Sequence[dict[str, Any]], first: datetime) -> dict[str, Any]:
    spans: dict[str, list[tuple[float, float, float]]] = {name: [] for name in DOINGS}
    for line in lines:
        began, ended = ((line[k] - first).total_seconds() for k in ("began", "ended"))
        if line["event"] in (LOADED, FITTED):
            spans["start"].append((began, ended, 1.0))
        elif line["event"] == DIED:
            spans["lost"].append((began, ended, 1.0))
        elif line["event"] == WRITTEN:
            spans["wait"].append((max(0.0, began - line["wait"]), began, 1.0))
            whole = max(line["load"] + line["forward"] + line["write"], 1e-9)
            for name in ("forward", "load", "write"):
                spans[name].append((began, ended, line[name] / whole))
    edges = np.linspace(0, max(ended for found in spans.values() for _, ended, _ in found), _BINS + 1)
    return {
        "seconds": [round(float(x), 2) for x in (edges[1:] + edges[:-1]) / 2],
        "replicas": {name: _mean(found, edges) for name, found in spans.items() if found},
    }


def _mean(spans: Sequence[tuple[float, float, float]], edges: np.ndarray) -> list[float]:
    """How many of the spans (begin, end, weight) cover each bin, on average over it."""
    begin, end, weight = np.array(spans).T
    inside = np.clip(np.minimum(end, edges[1:, None]) - np.maximum(begin, edges[:-1, None]), 0, None)
    return [round(float(x), 3) for x in inside @ weight / np.diff(edges)]
