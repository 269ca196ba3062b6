"""What every run of a study leaves in its output folder, and what it finds there of the run before."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from consilience.engine.errors import BadInput
from consilience.engine.features.lease import lease
from consilience.engine.features.location import write_bytes
from consilience.pipelines.console import Console
from consilience.pipelines.studyfiles.common import StudyFile

if TYPE_CHECKING:
    from consilience.engine.tracking import Record
    from consilience.pipelines.runs.recording import Files

DONE, REPORT, PLAN, STUDY = "run.json", "report.html", "plan.json", "study.yaml"


def tracking_of(study: StudyFile) -> str | None:
    """The absolute address of the study's tracking store; None where it wants none."""
    if study.tracking is None:
        return None
    from consilience.engine.tracking.address import tracking_uri

    try:
        return tracking_uri(study.tracking, study.file.resolve().parent)
    except BadInput as bad:
        raise study.error(("tracking",), bad) from bad


def writable(folder: Path) -> Path:
    """`folder`, made if need be; refused here and not after an hour of compute."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{uuid4().hex}"  # another process may look at the same moment
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise BadInput(
            "an output folder that can be written",
            f"{folder}: {error.strerror or error}",
            "free space, change its permissions, or name another folder as output",
        ) from error
    return folder


@contextmanager
def alone(output: Path, finished: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Hold an output folder for the block: runs and re-evaluations into it come one after the other.

    Whoever comes second waits, and is told whose process it waits for; a process that is gone holds nothing. Nothing is
    held where what the block would do is `finished` by then.
    """
    with lease(output, finished):
        yield


def before_of(output: Path) -> dict[str, Any]:
    """What the last run into that folder left in its ``run.json``; empty where there was none."""
    path = output / DONE
    if not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return found if isinstance(found, dict) else {}


def write_whole(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all, whoever writes it at the same time."""
    write_bytes(path, text.encode())


def finish(
    study: StudyFile,
    key: str,
    output: Path,
    created: str,
    results: Sequence[str],
    record: "Callable[[], tuple[Record, Files]]",
    console: Console,
) -> None:
    """Copy the study to its results, keep the run unless the last one was the same, send it, and say last that all is
    done.

    Args:
        key: the fingerprint of the study. results: the files that a run without anything new must find.
    """
    from consilience.pipelines.runs.syncing import STAYS, STUDY_KEY, kept, last_run, link, send_waiting

    if study.file.is_file() and study.file.resolve().parent != output:
        write_whole(output / STUDY, study.file.read_text(encoding="utf-8"))
    uri, last = tracking_of(study), last_run(output)
    if last is None or last.record.tags[STUDY_KEY] != key:
        made, files = record()
        last = kept(output).add(made, files if uri else {k: v for k, v in files.items() if k in STAYS}, uri)
    send_waiting(output, console)
    link(output)
    done = {"key": key, "run": last.digest, "created": created, "results": list(results)}
    write_whole(output / DONE, json.dumps(done))
