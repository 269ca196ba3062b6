"""The run that a re-evaluation is compared with: one that is named, the promoted one, or the last."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from consilience.engine.errors import BadInput
from consilience.engine.tracking import Entry, NotSent
from consilience.engine.tracking.address import client
from consilience.pipelines.reevaluate.kinds import KINDS, Kind, of_entry, of_study
from consilience.pipelines.runs.output import tracking_of, write_whole
from consilience.pipelines.runs.syncing import STUDY_KEY, kept
from consilience.pipelines.studyfiles.common import StudyFile

if TYPE_CHECKING:
    import xarray as xr

PROMOTED = "consilience.promoted"  # the tag of the run that is the baseline, and the file that names it
_DIGEST = "consilience.record"


@dataclass(frozen=True)
class Baseline:
    """A run and its table of scores. `key` is the digest of its record, `run_id` its id in MLflow, if it has one;
    `study` the fingerprint of all that decided it."""

    key: str
    run_id: str
    created: str
    study: str
    scores: "xr.Dataset"

    def told(self) -> dict[str, str]:
        """As plain JSON."""
        return {"record": self.key, "run_id": self.run_id, "created": self.created, "study": self.study}


def scored(output: Path, kind: Kind | None = None) -> list[Entry]:
    """The runs kept in that output folder of which the table of scores is there, the oldest first: of that kind of
    study, default the last one's."""
    found = [(entry, own) for entry in kept(output).entries() if (own := of_entry(entry)) is not None]
    wanted = kind or (found[-1][1] if found else None)
    return [entry for entry, own in found if own is wanted]


def baseline_of(study: StudyFile, output: Path, asked: str | None = None) -> Baseline | None:
    """The run that `asked` names, by its id or the beginning of one; else the promoted, or the last; None without runs.

    Runs beside the output come first, then those in MLflow. Raises BadInput for a run that neither has.
    """
    kind = of_study(study)
    entries, wanted = scored(output, kind), asked or _promoted(output)
    if wanted is None and entries:
        return kept_run(entries[-1])
    fitting = [] if wanted is None else named(entries, wanted)
    if len(fitting) == 1:
        return kept_run(fitting[0])
    if len(fitting) > 1:
        raise BadInput("the beginning of one run's id", f"{wanted!r}, of {len(fitting)}", "give more of it")
    uri = tracking_of(study)
    found = None if uri is None else _remote(uri, study.name, wanted, kind)
    if found is None and wanted is not None:
        known = ", ".join(x.digest[:12] for x in entries) or "none"
        raise BadInput(
            "a run of this study", f"{wanted!r}", f"`consilience runs` lists them; kept here: {known}"
        )
    return found


def named(entries: Sequence[Entry], start: str) -> list[Entry]:
    """Those whose id, here or in MLflow, begins so."""
    return [
        x for x in entries
        if x.digest.startswith(start) or (x.sent is not None and x.sent.run_id.startswith(start))
    ]  # fmt: skip


def promote(output: Path, entry: Entry) -> str:
    """Make that run the baseline of all re-evaluations to come; what went wrong with telling MLflow, or nothing."""
    write_whole(output / f".{PROMOTED}", json.dumps({"record": entry.digest}))
    sent = entry.sent
    if sent is None:
        return "MLflow is told when the run is promoted again after it was sent" if entry.uri else ""
    try:
        with client(sent.uri) as mlflow:
            for run in mlflow.search_runs([sent.experiment_id], f"tags.`{PROMOTED}` = 'true'"):
                mlflow.set_tag(run.info.run_id, PROMOTED, "false")
            mlflow.set_tag(sent.run_id, PROMOTED, "true")
    except NotSent as problem:
        return f"MLflow was not told: {problem}"
    return ""


def _promoted(output: Path) -> str | None:
    path = output / f".{PROMOTED}"
    return str(json.loads(path.read_text(encoding="utf-8"))["record"]) if path.is_file() else None


def kept_run(entry: Entry) -> Baseline:
    """A run beside its output with its table of scores."""
    from consilience.engine.scores import open_scores

    tags, sent, kind = entry.record.tags, entry.sent, of_entry(entry)
    assert kind is not None
    scores = open_scores(entry.files / kind.file)
    return Baseline(entry.digest, sent.run_id if sent else "", tags["created"], tags[STUDY_KEY], scores)


def _remote(uri: str, experiment: str, wanted: str | None, kind: Kind) -> Baseline | None:
    """From MLflow, where this machine has never run the study."""
    try:
        with client(uri) as mlflow:
            known = mlflow.get_experiment_by_name(experiment)
            if known is None:
                return None
            order = ["attributes.start_time DESC"]
            runs = [
                run for run in mlflow.search_runs([known.experiment_id], order_by=order, max_results=1000)
                if STUDY_KEY in run.data.tags and run.info.status == "FINISHED"
            ]  # fmt: skip
            run = _choice(runs, wanted)
            return None if run is None else downloaded(mlflow, run, kind)
    except NotSent:
        if wanted is None:
            return None
        raise BadInput(
            f"the run {wanted!r}", f"none here, and no answer from {uri}", "start the tracking server"
        ) from None


def _choice(runs: Sequence[Any], wanted: str | None) -> Any:
    if wanted is not None:
        ids = ((x, (x.info.run_id, x.data.tags.get(_DIGEST, ""))) for x in runs)
        return next((x for x, names in ids if any(n.startswith(wanted) for n in names)), None)
    promoted = [x for x in runs if x.data.tags.get(PROMOTED) == "true"]
    return next(iter([*promoted, *runs]), None)


def downloaded(mlflow: Any, run: Any, kind: Kind | None = None) -> Baseline:
    """A run of an open client with its table of scores, of that kind of study or whichever it is of.

    Raises BadInput for a run that has none.
    """
    from consilience.engine.scores import open_scores

    there = {x.path for x in mlflow.list_artifacts(run.info.run_id)}
    wanted = [kind.file] if kind is not None else [x.file for x in KINDS.values()]
    file = next((x for x in wanted if x in there), None)
    if file is None:
        raise BadInput(
            f"a run with {' or '.join(wanted)}", f"{run.info.run_id} without", "run the study once again"
        )
    with TemporaryDirectory() as folder:
        scores = open_scores(mlflow.download_artifacts(run.info.run_id, file, folder))
    tags = run.data.tags
    return Baseline(tags.get(_DIGEST, ""), run.info.run_id, tags["created"], tags[STUDY_KEY], scores)
