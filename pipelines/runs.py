"""What every run of a study leaves in its output folder, and what it finds there of the run before."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from consilience.engine.errors import BadInput
from consilience.pipelines.studyfile import StudyFile

DONE, REPORT, PLAN, STUDY = "run.json", "report.html", "plan.json", "study.yaml"


def tracking_of(study: StudyFile) -> str | None:
    """The absolute address of the study's tracking store; None where it wants none."""
    if study.tracking is None:
        return None
    from consilience.engine.tracking import tracking_uri

    try:
        return tracking_uri(study.tracking, study.file.resolve().parent)
    except BadInput as bad:
        raise study.error(("tracking",), bad) from bad


def writable(folder: Path) -> Path:
    """`folder`, made if need be; refused here and not after an hour of compute."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise BadInput(
            "an output folder that can be written",
            f"{folder}: {error.strerror or error}",
            "free space, change its permissions, or name another folder as output",
        ) from error
    return folder


def before_of(output: Path) -> dict[str, Any]:
    """What the last run into that folder left in its ``run.json``; empty where there was none."""
    path = output / DONE
    if not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return found if isinstance(found, dict) else {}


def write_whole(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all."""
    half = path.with_name(f".{path.name}.half")
    half.write_text(text, encoding="utf-8")
    os.replace(half, path)


def finish(
    study: StudyFile,
    key: str,
    output: Path,
    before: dict[str, Any],
    created: str,
    results: Sequence[str],
    track: Callable[[], str] | None,
) -> None:
    """Copy the study to its results, record the run by `track` unless the same one was, and say last that it is done.

    Args:
        key: the fingerprint of the study. results: the files that a run without anything new must find.
    """
    if study.file.is_file() and study.file.resolve().parent != output:
        write_whole(output / STUDY, study.file.read_text(encoding="utf-8"))
    run_id = before.get("mlflow_run") if before.get("key") == key else None
    if track is not None and run_id is None:
        run_id = track()
    done = {"key": key, "mlflow_run": run_id, "created": created, "results": list(results)}
    write_whole(output / DONE, json.dumps(done))
