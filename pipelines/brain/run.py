"""Run a brain study: read the recordings, extract what is missing, align and encode what is new, say what was found.

As in `pipelines.zoo.run`, everything expensive is kept under the digest of what decides it, the moment it exists.
"""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.connectors.brains import Brains
from consilience.engine.execution.sessions import opened
from consilience.engine.usage import Stages
from consilience.pipelines.brain.prepare import Prepared, prepare
from consilience.pipelines.brain.study import BrainStudy, load_brain_study
from consilience.pipelines.brain.tables import open_all
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
from consilience.pipelines.runs.scorecache import ScoreCache
from consilience.pipelines.runs.standing import standing
from consilience.pipelines.runs.syncing import send_waiting
from consilience.pipelines.seats import extract_missing, kept_as_is

if TYPE_CHECKING:
    import xarray as xr

    from consilience.pipelines.brain.plan import BrainPlan

Results = dict[str, "xr.Dataset"]


def run(study: str | Path | BrainStudy, *, console: Console | None = None) -> Results:
    """Run a brain study; its tables by name, ``alignment``, ``encoding`` with its ``units``, and ``reliability``, as
    far as it asks for them. They are written, with tidy Parquet, the report, the plan and a copy of the study, into
    its output folder.

    Prints the plan first and what was found last. A second run of an unchanged study computes nothing; where another
    process runs into the same folder, this one waits for it.

    Raises BadInput, before any compute, for whatever in the study cannot be done.
    """
    study = study if isinstance(study, BrainStudy) else load_brain_study(study)
    with alone(writable(study.path(study.output))):
        return run_held(study, console or Console())


def run_held(study: BrainStudy, console: Console) -> Results:
    """As `run`, for whoever holds the output folder."""
    output, placed = study.path(study.output), study.placed
    tracking_of(study)  # refused now, and not after hours
    prepared = prepare(study, announced(console))
    before = before_of(output)
    if before.get("key") == prepared.fingerprint() and all((output / x).is_file() for x in before["results"]):
        send_waiting(output, console)
        console.say("Nothing is new since the last run; these are its findings.\n")
        found = open_all(output)
        _tell(console, found, output)
        return found

    cache = ScoreCache(output / ".scores")
    plan = _planned(prepared, cache, console)
    write_whole(output / PLAN, json.dumps(plan.rows(), indent=1))
    with standing(study.name, output, console, (x.digest for x in prepared.seats)):
        with opened(**placed) as session, Stages() as stages:
            session.begin()
            prepared, results = _computed(prepared, cache, stages, console)
        return _finish(results, prepared, stages, output, console)


def afresh(study: BrainStudy, folder: Path, console: Console) -> "xr.Dataset":
    """The outcomes of a study of which everything is read, extracted and computed anew, in `folder`: neither the store
    nor what is kept of the study is touched. The attribute ``brought`` names the models whose features are taken as
    they are; see `pipelines.seats.unmade`.
    """
    from consilience.pipelines.brain.outcomes import outcomes
    from consilience.pipelines.brain.provenance import describe

    prepared, output = prepare(study, announced(console)), study.path(study.output)
    brought = [x.name for x in prepared.seats if kept_as_is(x)]
    prepared, cache = prepared.anew(folder), ScoreCache(folder / ".scores")
    _planned(prepared, cache, console)
    told = standing(study.name, output, console, (x.digest for x in prepared.seats))
    with told, opened(**study.placed) as session, Stages() as stages:
        session.begin()
        prepared, results = _computed(prepared, cache, stages, console)
    found = outcomes(prepared, results, describe(prepared, results, stages.seconds))
    return found.assign_attrs(brought=json.dumps(brought))


def _planned(prepared: Prepared, cache: ScoreCache, console: Console) -> "BrainPlan":
    from consilience.pipelines.brain.plan import brain_plan

    plan = brain_plan(prepared, cache)
    plan.show(console)
    return plan


def _computed(
    prepared: Prepared, cache: ScoreCache, stages: Stages, console: Console
) -> tuple[Prepared, Results]:
    """Extract what is missing, align and encode what is new."""
    from consilience.pipelines.brain.aligned import align_missing
    from consilience.pipelines.brain.encoding import encode_missing
    from consilience.pipelines.brain.reliable import reliability_missing

    results: Results = {}
    with stages("extraction"):
        prepared = prepared.seated(extract_missing(prepared.seats, prepared.store, console))
    computes = {
        "alignment": align_missing,
        "encoding": encode_missing,
        "reliability": reliability_missing,
    }
    for what, compute in computes.items():
        with stages(what):
            results |= compute(prepared, cache, console)
    return prepared, results


def plan(study: str | Path | BrainStudy, *, console: Console | None = None) -> "BrainPlan":
    """What running `study` would do. The recordings are read for it, and fetched where they are not cached."""
    from consilience.pipelines.brain.plan import brain_plan

    study = study if isinstance(study, BrainStudy) else load_brain_study(study)
    prepared = prepare(study, announced(console or Console()))
    return brain_plan(prepared, ScoreCache(study.path(study.output) / ".scores"))


def announced(console: Console) -> Any:
    """What says of a data set, before it is read, what it is and whose."""

    def reading(brains: Brains) -> None:
        console.say(f"Reading {brains.name}. Licence: {brains.licence}. Cite: {brains.citation}\n")

    return reading


def _finish(
    results: Results,
    prepared: Prepared,
    stages: Stages,
    output: Path,
    console: Console,
) -> Results:
    from consilience.engine.scores import save
    from consilience.pipelines.brain.outcomes import FILE, outcomes
    from consilience.pipelines.brain.provenance import describe, recorded
    from consilience.pipelines.brain.report import write
    from consilience.pipelines.brain.tables import save_all

    attrs = describe(
        prepared, results, {k: v for k, v in stages.seconds.items() if k in {"extraction", *results}}
    )
    for table in results.values():
        table.attrs.update(attrs)
    save(outcomes(prepared, results, attrs), output / FILE)
    written = [*save_all(results, output), FILE, write(results, output / REPORT).name]
    artifacts = [output / x for x in (*written, PLAN)]
    finish(
        prepared.study, prepared.fingerprint(), output, str(attrs["created"]), written,
        partial(recorded, prepared, results, attrs, stages, artifacts), console,
    )  # fmt: skip
    _tell(console, results, output)
    return results


def _tell(console: Console, results: Results, output: Path) -> None:
    console.say()
    for sentence in json.loads(next(iter(results.values())).attrs["summary"]):
        console.say(sentence)
    console.say(f"\nReport: {output / REPORT}", style="bold")
