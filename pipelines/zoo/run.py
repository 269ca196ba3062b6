"""Run a study: extract what the store lacks, compare what was not compared, say and show what was found.

Everything expensive is kept under the digest of what decides it, the moment it exists: feature parts in the store,
scores by metric and pair in ``<output>/.scores``. So a run that was killed goes on when the same command is given
again, and a study with a metric or a model more computes that metric, or the pairs of that model.
"""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from consilience.engine.execution.sessions import opened
from consilience.engine.usage import Stages
from consilience.pipelines.console import Console
from consilience.pipelines.runs.output import (
    PLAN,
    REPORT,
    alone,
    before_of,
    finish,
    tracking_of,
    writable,
    write_whole,
)
from consilience.pipelines.runs.standing import standing
from consilience.pipelines.runs.syncing import send_waiting
from consilience.pipelines.seats import extract_missing, kept_as_is
from consilience.pipelines.studyfiles.study import Study, load_study
from consilience.pipelines.zoo.prepare import Prepared, prepare
from consilience.pipelines.zoo.provenance import describe, recorded

if TYPE_CHECKING:
    import xarray as xr

    from consilience.pipelines.zoo.plan import StudyPlan

SCORES, TIDY = "scores.nc", "scores.parquet"
PROFILE = "profile.nc"  # where the study asks for metrics of one representation


def run(study: str | Path | Study, *, console: Console | None = None) -> "xr.Dataset":
    """Run a study to its score table, and write table, profile, report, plan and a copy of the study into its output
    folder.

    Prints the plan first and what was found last. A second run of an unchanged study computes nothing; where another
    process runs into the same folder, this one waits for it. The attribute ``status`` of the result is "done", or
    "rejects over the limit".

    Raises BadInput, before any compute, for whatever in the study cannot be done.
    """
    study = study if isinstance(study, Study) else load_study(study)
    with alone(writable(study.path(study.output))):
        return run_held(study, console or Console())


def run_held(study: Study, console: Console) -> "xr.Dataset":
    """As `run`, for whoever holds the output folder."""
    output, placed = study.path(study.output), study.placed
    tracking_of(study)  # refused now, and not after hours
    prepared = prepare(study)
    before = before_of(output)
    results = before.get("results", (SCORES, TIDY, REPORT))
    if before.get("key") == prepared.fingerprint() and all((output / x).is_file() for x in results):
        from consilience.engine.scores import open_scores

        scores = open_scores(output / SCORES)
        send_waiting(output, console)
        console.say("Nothing is new since the last run; these are its findings.\n")
        _tell(console, scores, output)
        return scores

    plan = _planned(prepared)
    plan.show(console)
    beside = None if prepared.beside is None else run(prepared.beside.study, console=console)
    write_whole(output / PLAN, json.dumps(plan.rows(), indent=1))
    with standing(study.name, output, console, (x.digest for x in prepared.seats)):
        with opened(**placed) as session, Stages() as stages:
            session.begin()
            prepared, scores = _compared(prepared, plan, stages, console)
            if prepared.profiles():
                from consilience.pipelines.zoo.profiles import profile_missing

                with stages("profile"):
                    profile = profile_missing(prepared, console)
            else:
                profile = None
        scores.attrs.update(describe(scores, prepared, stages.seconds, beside))
        return _finish(scores, profile, prepared, stages, output, console)


def afresh(study: Study, folder: Path, console: Console) -> "xr.Dataset":
    """The score table of a study of which everything is extracted and scored anew, in `folder`: neither the store nor
    what is kept of the study is touched. The attribute ``brought`` names the models whose features are taken as they
    are; see `pipelines.seats.unmade`.
    """
    prepared, output = prepare(study), study.path(study.output)
    brought = [x.name for x in prepared.seats if kept_as_is(x)]
    prepared = prepared.anew(folder)
    plan = _planned(prepared)
    plan.show(console)
    with standing(study.name, output, console, (x.digest for x in prepared.seats)):
        with opened(**study.placed) as session, Stages() as stages:
            session.begin()
            prepared, scores = _compared(prepared, plan, stages, console)
        scores.attrs.update(describe(scores, prepared, stages.seconds), brought=json.dumps(brought))
    return scores


def _planned(prepared: Prepared) -> "StudyPlan":
    from consilience.pipelines.zoo.planning import study_plan

    return study_plan(prepared)  # refuses metrics, layers, pairs and questions that cannot be


def _compared(
    prepared: Prepared, plan: "StudyPlan", stages: Stages, console: Console
) -> "tuple[Prepared, xr.Dataset]":
    """Extract and compare what is missing."""
    from consilience.pipelines.zoo.comparing import compare_missing

    with stages("extraction"):
        prepared = replace(prepared, seats=extract_missing(prepared.seats, prepared.store, console))
    with stages("comparison"):
        return prepared, compare_missing(prepared, console, plan.pairs)


def _finish(
    scores: "xr.Dataset",
    profile: "xr.Dataset | None",
    prepared: Prepared,
    stages: Stages,
    output: Path,
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
        prepared.study, prepared.fingerprint(), output, scores.attrs["created"], results,
        partial(recorded, scores, prepared, stages, [output / x for x in (*results, PLAN)]), console,
    )  # fmt: skip
    _tell(console, scores, output)
    return scores


def _tell(console: Console, scores: "xr.Dataset", output: Path) -> None:
    console.say()
    for sentence in json.loads(scores.attrs["summary"]):
        console.say(sentence)
    console.say(f"\nReport: {output / REPORT}\nScores: {output / SCORES}", style="bold")
