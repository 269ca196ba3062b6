"""The log of an extraction: what became of every shard, appended beside the table while it is written, and kept.

One file a run, replaced as a whole about once a second while there is news (in an object store less often), so that
whoever reads it finds it whole and a killed driver loses little of it; a long run begins another file every thousand
lines, so that the driver holds no more than those.
The log is no part of the table: its digest and its manifest know nothing of it.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from consilience.engine.features.disk import writing
from consilience.engine.features.location import Location, sizes, write_bytes

FOLDER = ".runs"
RUNNING, FINISHED = "running", "finished"
LOADED, FITTED, WRITTEN, PROBED, DIED = "loaded", "fitted", "written", "probed", "died"
_SECONDS, _REMOTE_SECONDS, _SILENCE, _LINES = 1.0, 10.0, 5.0, 1024

SCHEMA = pa.schema(
    [
        ("event", pa.string()),  # one of the five above
        ("shard", pa.int64()),  # null for the loading of a model
        ("rows", pa.int64()),  # of a batch that was found those of a batch
        ("bytes", pa.int64()),  # of features written; of a batch that was found the memory that it takes
        ("rejects", pa.int64()),
        (
            "wait",
            pa.float64(),
        ),  # seconds: of the replica, before it was given the shard; until its process was there
        ("load", pa.float64()),  # of the model, for samples to be read and preprocessed
        ("forward", pa.float64()),
        ("write", pa.float64()),
        ("seconds", pa.float64()),  # all of it but the wait
        ("node", pa.string()),
        ("pid", pa.int64()),
        ("attempt", pa.int64()),
        ("began", pa.timestamp("us", "UTC")),
        ("ended", pa.timestamp("us", "UTC")),
        ("reason", pa.string()),  # of a death
        ("notes", pa.map_(pa.string(), pa.int64())),  # what was done to samples unasked -> to how many
        ("tokens", pa.int64()),  # that went through the model: of samples
        ("padding", pa.int64()),  # and beside them
    ]
)


@dataclass(frozen=True)
class RunRecord:
    """One run as its log tells it: `about` as given to `RunLog`, its `state` and last sign of life; and the lines."""

    about: dict[str, Any]
    state: str
    beat: datetime
    lines: pa.Table


class RunLog:
    """Writes the log of one run into the folder of the table. `about` is JSON that heads every file of it."""

    def __init__(self, table: Location, about: Mapping[str, Any]):
        self._folder = table / FOLDER
        self._seconds = _SECONDS if isinstance(table, Path) else _REMOTE_SECONDS
        self._name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}"
        self._about = {**about, "began": _now()}
        self._lines: list[dict[str, Any]] = []
        self._file, self._flushed, self._news = 0, 0.0, False
        self._flush(RUNNING)

    def add(self, event: str, **values: Any) -> None:
        """One line; `began` and `ended` are seconds since 1970."""
        for key in ("began", "ended"):
            values[key] = datetime.fromtimestamp(values[key], UTC)
        self._lines.append({"event": event, **values})
        self._news = True
        if len(self._lines) == _LINES:
            self._flush(RUNNING)
            self._file, self._lines = self._file + 1, []

    def beat(self, **about: Any) -> None:
        """Write what is new, if the last time is long enough ago, or a sign of life; `about` changes the head."""
        self._about.update(about)
        if time.monotonic() - self._flushed > (self._seconds if self._news else max(self._seconds, _SILENCE)):
            self._flush(RUNNING)

    def close(self, state: str) -> None:
        """The run has ended: `state` is FINISHED, or says what stopped it."""
        self._flush(state)

    def _flush(self, state: str) -> None:
        head = json.dumps({"about": self._about, "state": state, "beat": _now()}, ensure_ascii=False)
        table = pa.Table.from_pylist(self._lines, SCHEMA.with_metadata({"run": head}))
        if isinstance(self._folder, Path):
            with writing(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        write_bytes(self._folder / f"{self._name}.{self._file:05d}.arrow", sink.getvalue())
        self._flushed, self._news = time.monotonic(), False


def read_runs(table: Location) -> list[RunRecord]:
    """The runs that wrote into the folder of a table, finished or not, oldest first."""
    files: dict[str, list[pa.Table]] = {}
    folder = table / FOLDER
    for name in sorted(x for x in sizes(folder) if x.endswith(".arrow") and not x.startswith(".")):
        lines = pa.ipc.open_file((folder / name).read_bytes()).read_all()
        files.setdefault(name.split(".")[0], []).append(lines)
    return [_record(tables) for tables in files.values()]


def notes(table: Location) -> dict[str, int]:
    """What the runs that wrote a table noted, as "resampled from 8000 to 16000 Hz": of how many samples."""
    shards: dict[int, dict[str, int]] = {}  # one that was written again counts once
    for run in read_runs(table):
        lines = run.lines.select(["event", "shard", "notes"]).to_pylist()
        shards.update((x["shard"], dict(x["notes"] or ())) for x in lines if x["event"] == WRITTEN)
    found: Counter[str] = Counter()
    for of_shard in shards.values():
        found.update(of_shard)
    return dict(sorted(found.items()))


def _record(tables: list[pa.Table]) -> RunRecord:
    head = json.loads(tables[-1].schema.metadata[b"run"])
    tables = [SCHEMA.empty_table(), *(table.replace_schema_metadata() for table in tables)]
    lines = pa.concat_tables(tables, promote_options="default")  # an older log has fewer columns
    return RunRecord(head["about"], head["state"], datetime.fromisoformat(head["beat"]), lines)


def _now() -> str:
    return datetime.now(UTC).isoformat()
