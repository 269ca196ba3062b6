"""The runs of a study beside its output: each as plain JSON with its files, until it is sent, and what it scored after.

A run is put here before anything is sent, and appears whole or not at all: whatever becomes of the process, the network
and the server, it is not lost.
"""

import json
import os
import shutil
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from uuid import uuid4

from consilience.engine.errors import BadInput
from consilience.engine.features.disk import writing
from consilience.engine.features.location import write_json
from consilience.engine.tracking.record import Record, Sent

RECORD, FILES, SENT = "record.json", "files", "sent.json"


@dataclass(frozen=True)
class Entry:
    """One run: its record, the address it is meant for (None: it is not tracked), its folder, and when it was
    added, in nanoseconds since 1970."""

    folder: Path
    record: Record
    uri: str | None
    added: int

    @property
    def files(self) -> Path:
        """The folder of its artifacts; once it was sent, of those that are kept."""
        return self.folder / FILES

    @property
    def sent(self) -> Sent | None:
        """Where it went, if it did."""
        path = self.folder / SENT
        return Sent(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    @property
    def digest(self) -> str:
        """That of the record as it was before it was sent."""
        return self.folder.name

    def mark(self, sent: Sent, keep: Collection[str]) -> None:
        """Note that it was sent, and remove what need not be kept: other files, children, series, and the scores."""
        write_json(self.folder / SENT, asdict(sent))
        means = {name: value for name, value in self.record.metrics.items() if name.endswith("/mean")}
        short = replace(self.record, metrics=means, parts=(), series={})
        write_json(self.folder / RECORD, {"uri": self.uri, "added": self.added, "record": short.plain()})
        for path in self.files.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in keep:
                path.unlink()


class Kept:
    """The runs in `folder`, which need not exist."""

    def __init__(self, folder: Path):
        self.folder = folder

    def add(self, record: Record, files: Mapping[str, Path | str | bytes], uri: str | None) -> Entry:
        """Keep a run, with copies of `files`: by path among the artifacts, a file or what is in it."""
        target = self.folder / record.digest
        half = self.folder / f".{uuid4().hex}"
        with writing(target):
            try:
                (half / FILES).mkdir(parents=True)
                for name, source in files.items():
                    place = half / FILES / name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    if isinstance(source, Path):
                        shutil.copyfile(source, place)
                    else:
                        place.write_bytes(source.encode() if isinstance(source, str) else source)
                write_json(half / RECORD, {"uri": uri, "added": time.time_ns(), "record": record.plain()})
                if not target.exists():
                    os.replace(half, target)
            finally:
                shutil.rmtree(half, ignore_errors=True)
        return _read(target)

    def entries(self) -> list[Entry]:
        """All of them, in the order in which they came. Raises BadInput for one that cannot be read."""
        found = [_read(path.parent) for path in self.folder.glob(f"[!.]*/{RECORD}")]
        return sorted(found, key=lambda x: (x.added, x.digest))

    def waiting(self) -> list[Entry]:
        """Those that are to be sent, the oldest first."""
        return [x for x in self.entries() if x.uri is not None and x.sent is None]


def _read(folder: Path) -> Entry:
    path = folder / RECORD
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return Entry(folder, Record.of(value["record"]), value["uri"], value["added"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            "a readable record of a run", f"{path}: {error}", f"remove the folder {folder}"
        ) from error
