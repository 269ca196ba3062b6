"""Run a study: extract what the store lacks, compare what was not compared, say and show what was found.

Everything expensive is kept under the digest of what decides it, the moment it exists: feature parts in the store,
scores by metric and pair in ``<output>/.scores``. So a run that was killed goes on when the same command is given
again, and a study with a metric or a model more computes that metric, or the pairs of that model.
"""

import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.engine.execution.sessions import opened
from consilience.pipelines.console import Console
from consilience.pipelines.prepare import Prepared, prepare
from consilience.pipelines.provenance import describe, track
from consilience.pipelines.runs import PLAN, REPORT, before_of, finish, tracking_of, writable, write_whole
from consilience.pipelines.seats import extract_missing
from consilience.pipelines.study import Study, load_study

if TYPE_CHECKING:
    import xarray as xr

SCORES, TIDY = "scores.nc", "scores.parquet"
PROFILE = "profile.nc"  # where the study asks for metrics of one representation


def run(study: str | Path | Study, *, console: Console | None = None) -> "xr.Dataset":
    """Run a study to its score table, and write table, profile, report, plan and a copy of the study into its output
    folder.

    Prints the plan first and what was found last. A second run of an unchanged study computes nothing. The
    attribute ``status`` of the result is "done", or "rejects over the limit".

    Raises BadInput, before any compute, for whatever in the study cannot be done.
    """
    study = study if isinstance(study, Study) else load_study(study)
    console = console or Console()
    output, placed = writable(study.path(study.output)), study.placed
    uri = tracking_of(study)
    prepared = prepare(study)
    before = before_of(output)
    results = before.get("results", (SCORES, TIDY, REPORT))
    if before.get("key") == prepared.fingerprint() and all((output / x).is_file() for x in results):
        from consilience.engine.scores import open_scores

        scores = open_scores(output / SCORES)
        console.say("Nothing is new since the last run; these are its findings.\n")
        _tell(console, scores, output)
        return scores

    from consilience.pipelines.comparing import compare_missing
    from consilience.pipelines.profiles import profile_missing
    from consilience.pipelines.studyplan import study_plan

    plan = study_plan(prepared)  # refuses metrics, layers and pairs that do not exist
    plan.show(console)
    write_whole(output / PLAN, json.dumps(plan.rows(), indent=1))
    elapsed: dict[str, float] = {}
    with opened(**placed) as session:
        session.begin()
        began = time.perf_counter()
        prepared = replace(prepared, seats=extract_missing(prepared.seats, prepared.store, console))
        elapsed["extraction"] = time.perf_counter() - began
        began = time.perf_counter()
        scores = compare_missing(prepared, console, plan.pairs)
        elapsed["comparison"] = time.perf_counter() - began
        began = time.perf_counter()
        profile = profile_missing(prepared, console)
        if profile is not None:
            elapsed["profile"] = time.perf_counter() - began
    scores.attrs.update(describe(scores, prepared, elapsed))
    return _finish(scores, profile, prepared, output, uri, before, console)


def _finish(
    scores: "xr.Dataset",
    profile: "xr.Dataset | None",
    prepared: Prepared,
    output: Path,
    uri: str | None,
    before: dict[str, Any],
    console: Console,
) -> "xr.Dataset":
    from consilience.engine.scores import save
    from consilience.pipelines.report import write

    save(scores, output / SCORES)
    save(scores, output / TIDY)
    results = [SCORES, TIDY, REPORT]
    if profile is None:
        (output / PROFILE).unlink(missing_ok=True)  # of a run before the study changed
    else:
        save(profile, output / PROFILE)
        results.append(PROFILE)
    write(scores, output / REPORT, profile)
    finish(
        prepared.study, prepared.fingerprint(), output, before, scores.attrs["created"], results,
        None if uri is None else partial(track, scores, prepared, uri, [output / x for x in (*results, PLAN)]),
    )  # fmt: skip
    _tell(console, scores, output)
    return scores


def _tell(console: Console, scores: "xr.Dataset", output: Path) -> None:
    console.say()
    for sentence in json.loads(scores.attrs["summary"]):
        console.say(sentence)
    console.say(f"\nReport: {output / REPORT}\nScores: {output / SCORES}", style="bold")
