"""What becomes of what a re-evaluation found: a run of its own in MLflow, and a word to the webhook."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from consilience.engine.tracking import Entry, Record
from consilience.pipelines.console import Console
from consilience.pipelines.reevaluate.baseline import scored
from consilience.pipelines.reevaluate.kinds import KINDS, of_study
from consilience.pipelines.runs.output import tracking_of
from consilience.pipelines.runs.syncing import kept, send_waiting
from consilience.pipelines.studyfiles.common import StudyFile

JSON, PAGE, PAIRS = "drift.json", "drift.html", "drift.parquet"
_KIND = "consilience.kind"


def tell(study: StudyFile, folder: Path, output: Path, console: Console) -> str:
    """Track the re-evaluation, and tell the webhook; why it could not be told, or nothing.

    Nothing new is not told; that everything computed anew came out the same is tracked.
    """
    from consilience.pipelines.reevaluate.judging import UNCHANGED
    from consilience.pipelines.reevaluate.webhook import post

    told = json.loads((folder / JSON).read_text(encoding="utf-8"))
    if told["status"] == UNCHANGED and not told["fresh"]:
        return ""
    uri, last = tracking_of(study), None if told["fresh"] else scored(output, of_study(study))[-1]
    if uri is not None:
        kept(output).add(_record(told, last), {name: folder / name for name in (JSON, PAGE, PAIRS)}, uri)
        send_waiting(output, console)
    if study.drift.webhook is None or told["status"] == UNCHANGED:
        return ""
    sent = last.sent if last else None
    return post(study.drift.webhook, {**told, "page": str(output / PAGE), "run": sent.url if sent else ""})


def _record(told: dict[str, Any], last: Entry | None) -> Record:
    """The re-evaluation as a run of its own, linked to the baseline, and to the run whose scores it compares with it;
    of scores that were computed anew there is none."""
    metrics = {f"drift/{k.replace(' ', '_')}": float(v) for k, v in told["counts"].items()}
    for one in told["models"]:
        pair = KINDS[told["kind"]].pair({"a": one["model_a"], "b": one["model_b"]})
        name = f"{one['metric']}/{pair}"
        metrics |= {
            f"{name}/largest_change": one["largest"]["change"],
            f"{name}/drifted": float(one["drifted"]),
        }
    sent = last.sent if last else None
    tags = {
        _KIND: "re-evaluation", "consilience.fresh": "true" if told["fresh"] else "",
        "status": told["status"], "created": told["created"], "version": told["version"],
        "consilience.baseline": told["baseline"]["record"], "consilience.scores": last.digest if last else "",
        "consilience.baseline_run": told["baseline"]["run_id"], "consilience.scores_run": sent.run_id if sent else "",
        "mlflow.note.content": "\n\n".join([*told["summary"], "The report is among the artifacts: `drift.html`."]),
    }  # fmt: skip
    params = {f"drift.{k}": str(v) for k, v in told["thresholds"].items()}
    created = datetime.fromisoformat(told["created"]).timestamp()
    name = f"{told['study']} re-evaluated {told['created']}"
    return Record(
        told["study"],
        name,
        created,
        params=params,
        metrics=metrics,
        tags={k: v for k, v in tags.items() if v},
    )
