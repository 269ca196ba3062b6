"""Two runs of a study compared, score by score."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from consilience.engine.errors import BadInput
from consilience.engine.tracking import NotSent
from consilience.engine.tracking.address import client, shown
from consilience.pipelines.console import Console
from consilience.pipelines.reevaluate.baseline import Baseline, downloaded, kept_run, named, scored
from consilience.pipelines.reevaluate.kinds import KINDS, MODELS, alike
from consilience.pipelines.report.numbers import fixed, rounded
from consilience.pipelines.runs.listing import Place, place_of, runs_of
from consilience.pipelines.runs.syncing import STUDY_KEY
from consilience.pipelines.studyfiles.entries import Drift
from consilience.pipelines.zoo.words import metric_words


def compare_runs(place: str, a: str, b: str, experiment: str | None = None) -> dict[str, Any]:
    """What changed from run `a` to run `b`, named by the beginnings of their ids: inputs, and pairs with intervals."""
    from consilience.pipelines.reevaluate.changes import changes
    from consilience.pipelines.reevaluate.judging import by_models, rows, table

    where = place_of(place, experiment)
    before, after = (_opened(where, name) for name in (a, b))
    folder, kind = (where.output or Path("nowhere")) / ".scores", alike(before.scores, after.scores)
    pairs = table(kind.compared(before.scores, after.scores, folder, folder), Drift())
    return {
        "kind": kind.name, "before": before.told(), "after": after.told(),
        "changes": [x.words() for x in changes(before.scores, after.scores)],
        "compared": len(pairs), "same_inputs": int(pairs["same_inputs"].sum()),
        "irreproducible": int(pairs["irreproducible"].sum()),
        "models": by_models(pairs), "pairs": rows(pairs),
    }  # fmt: skip


def show_comparison(found: Mapping[str, Any], console: Console) -> None:
    """Print what changed."""
    kind = KINDS[found["kind"]]
    console.say("; ".join(found["changes"]) or "Inputs and settings are the same.")
    console.say(f"{found['compared']:,} scores are in both; {found['same_inputs']:,} have the same inputs.\n")
    console.table(
        f"The largest change of every {'two models' if kind is MODELS else 'model in every region'}",
        ("metric", "pair", "before", "after", "change", "95 % interval", "q", "error"),
        [
            (metric_words(metric), kind.pair(x), fixed(x["before"], 3), fixed(x["after"], 3), *_change(x))
            for metric, x in ((one["metric"], one["largest"]) for one in found["models"])
        ],
    )  # fmt: skip
    if found["irreproducible"]:
        console.say(
            f"{found['irreproducible']:,} scores of the same inputs are other numbers.", style="yellow"
        )


def _change(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    q, error = "" if row["q"] is None else f"{row['q']:.2g}", "paired" if row["paired"] else "apart"
    if row["low"] is None:
        return fixed(row["change"], 3), "", q, error
    low, high = (rounded(row[k], row["se"]) for k in ("low", "high"))
    return rounded(row["change"], row["se"]), f"{low} to {high}", q, error


def _opened(where: Place, name: str) -> Baseline:
    """The run of which the id begins so. Raises BadInput where there is none, or there are several."""
    fitting = named(scored(where.output), name) if where.output is not None else []
    if len(fitting) > 1:
        raise BadInput("the beginning of one run's id", f"{name!r}, of {len(fitting)}", "give more of it")
    if fitting:
        return kept_run(fitting[0])
    found: list[Any] = []
    if where.uri is not None:
        try:
            with client(where.uri) as mlflow:
                found = [
                    run for run in runs_of(mlflow, where.experiment)
                    if STUDY_KEY in run.data.tags and run.info.run_id.startswith(name)
                ]  # fmt: skip
                if len(found) == 1:
                    return downloaded(mlflow, found[0])
        except NotSent as problem:
            raise BadInput("a tracking store that answers", str(problem), "start it") from problem
    at = shown(where.uri) if where.uri else str(where.output)
    raise BadInput(
        "the beginning of one run's id", f"{name!r}, of {len(found)} in {at}", "see `consilience runs`"
    )
