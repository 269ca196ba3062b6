"""How far the run of a study is, comparison included: a small file of its output folder, for another shell to read."""

import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from consilience.engine.errors import BadInput
from consilience.engine.extraction.runlog import FINISHED, RUNNING
from consilience.pipelines.console import Console
from consilience.pipelines.runs.output import write_whole

FILE = ".standing.json"
SILENT = timedelta(seconds=30)  # after which a run that says nothing is taken for dead
_EVERY = 2.0  # seconds between signs of life


@dataclass(frozen=True)
class Standing:
    """Of a run: its `state`, the steps it has not finished as (name, share done, seconds left or None), when it began
    and gave its last sign of life, and the digests of its feature tables."""

    name: str
    state: str
    steps: tuple[tuple[str, float, float | None], ...]
    began: datetime
    beat: datetime
    tables: frozenset[str]


@contextmanager
def standing(name: str, output: Path, console: Console, tables: Iterable[str]) -> Iterator[None]:
    """Write down how far the run `name` is while the block runs, by what `console` is told; and how it ended. `tables`
    are the digests of those it needs, made already or not."""
    steps: dict[str, tuple[float, float, float]] = {}  # name -> when it began, done, in all
    began, stop, needed = time.time(), threading.Event(), sorted(tables)

    def told(stage: str, done: float, total: float) -> None:
        since, before, _ = steps.get(stage, (time.time(), 0.0, total))
        # A stage of that name may begin again, for other metrics.
        steps[stage] = (time.time() if done < before else since, float(done), float(total))

    def write(state: str) -> None:
        now = time.time()
        value = {
            "name": name, "state": state, "began": began, "beat": now, "steps": dict(steps), "tables": needed,
        }  # fmt: skip
        with suppress(BadInput, OSError):  # a full disk stops the run by what it needs
            write_whole(output / FILE, json.dumps(value))

    def beat() -> None:
        while not stop.wait(_EVERY):
            write(RUNNING)

    write(RUNNING)
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    console.others.append(told)
    state = FINISHED
    try:
        yield
    except BaseException as error:
        state = f"stopped: {str(error) or type(error).__name__}"
        raise
    finally:
        console.others.remove(told)
        stop.set()
        thread.join()
        write(state)


def read_standing(output: Path, now: datetime) -> Standing | None:
    """What the last run into that folder left; None where it left nothing."""
    path = output / FILE
    if not path.is_file():
        return None
    value = json.loads(path.read_text(encoding="utf-8"))
    began, beat = (datetime.fromtimestamp(value[x], UTC) for x in ("began", "beat"))
    state, steps = value["state"], []
    if state == RUNNING and now - beat > SILENT:
        state = "no sign of life; the same command goes on from here"
    for step, (since, done, total) in value["steps"].items():
        if done < total:
            left = (value["beat"] - since) * (total - done) / done if done and state == RUNNING else None
            steps.append((step, done / total, left))
    return Standing(value["name"], state, tuple(steps), began, beat, frozenset(value["tables"]))
