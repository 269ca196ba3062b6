"""The drift report: what changed, which scores moved by it, and the history of the study, in one file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from consilience.engine.tracking import Entry
from consilience.pipelines import history
from consilience.pipelines.reevaluate.judging import UNCHANGED
from consilience.pipelines.reevaluate.kinds import BRAINS, KINDS
from consilience.pipelines.zoo.words import metric_words

HERE = Path(__file__).parent
FIRST, ROWS = 20, 200  # of a table of pairs, and with those that are folded; all are in the Parquet file
_FIGURE = 30  # pairs of models


def write(told: dict[str, Any], entries: Sequence[Entry], path: Path) -> Path:
    """Write the report of a re-evaluation to `path`, and return it."""
    from consilience.pipelines.report.page import save

    return save(render(told, entries), path)


def render(told: dict[str, Any], entries: Sequence[Entry]) -> str:
    """The report as one string of HTML; `entries` are the runs of the study, the oldest first. Where nothing is new the
    history, which takes most of the time, is left to ``consilience report --history``.
    """
    from consilience.pipelines.history.history import history as of_runs
    from consilience.pipelines.report.numbers import fixed
    from consilience.pipelines.report.page import page

    new = told["status"] != UNCHANGED
    past = of_runs(entries if new else entries[-1:])
    past["before"] = past["before"] if new else max(0, len(entries) - 1)
    kind = KINDS[told["kind"]]
    moved = [{**x, "name": metric_words(x["metric"])} for x in told["models"][:_FIGURE]]
    scattered = [
        [x["before"], x["after"], f"{metric_words(x['metric'])}: {kind.pair(x)}", drifted]
        for drifted, rows in ((True, told["drifted"][:2000]), (False, told["steady"]))
        for x in rows
    ]
    return page(
        HERE / "template.html",
        {
            **told, "title": told["study"], "created": told["created"][:10], "rows": ROWS,
            "when": told["created"][:16].replace("T", " "),
            "heads": ("Model", "Region") if kind is BRAINS else ("A", "B"),
            "between": "every model in every region" if kind is BRAINS else "every two models",
            "history": past, "first": FIRST, "models": told["models"],
            "fixed": fixed, "probability": _cell, "words": metric_words,
        },
        data=history.data(
            past, moved=moved, scattered=scattered, joined=kind.joined, limit=told["thresholds"]["change"]
        ),
        scripts=[*history.SCRIPTS, HERE / "drift.js"],
        styles=[history.HERE / "history.css", HERE / "drift.css"],
        folders=[history.HERE],
    )  # fmt: skip


def _cell(p: float | None) -> str:
    """A probability in a table, where "=" goes without saying."""
    from consilience.pipelines.report.numbers import probability

    return probability(float("nan") if p is None else p).removeprefix("= ")
