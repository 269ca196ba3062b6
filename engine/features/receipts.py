"""Receipts: what each part of an unfinished table holds, kept beside the part until the manifest says it.

A receipt's name holds its part's checksum, so that two processes that write the same part at the same time cannot leave
a receipt that belongs to the other's file.
"""

import base64
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.checksum import file_checksum
from consilience.engine.features.disk import write_json
from consilience.engine.features.parts import part_name
from consilience.engine.features.statistics import Spread

_NAME = re.compile(r"^\.part-(\d{5,})\.([0-9a-f]{64})\.json$")
Names = dict[int, list[str]]


@dataclass(frozen=True)
class Receipt:
    """What a part holds: rows, bytes and checksum of its file, the rejected samples, each layer's spread."""

    index: int
    rows: int
    bytes: int
    checksum: str
    rejected: list[tuple[str, str]] = field(default_factory=list)
    spreads: dict[str, Spread] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Put the receipt into `folder`."""
        # Means are float64 bits in base64: exact, and half the length of decimal text.
        spreads = {
            k: [s.n, base64.b64encode(s.mean.tobytes()).decode(), s.m2] for k, s in self.spreads.items()
        }
        value = {"rows": self.rows, "bytes": self.bytes, "rejected": self.rejected, "spreads": spreads}
        write_json(folder / f".part-{self.index:05d}.{self.checksum}.json", value)


def names(folder: Path) -> Names:
    """Part index -> names of its receipts; several if processes wrote the part at the same time."""
    found: Names = {}
    for path in sorted(folder.glob(".part-*.json")):
        if match := _NAME.match(path.name):
            found.setdefault(int(match[1]), []).append(path.name)
    return found


def present(folder: Path, index: int, found: Names) -> bool:
    """Whether part `index` stands in `folder` with the size that a receipt gives it."""
    try:
        size = (folder / part_name(index)).stat().st_size
    except FileNotFoundError:
        return False
    # After a power cut a file can be shorter than what was written.
    return any(_read(folder, name).bytes == size for name in found.get(index, ()))


def of_all_parts(folder: Path, n_parts: int | None) -> list[Receipt]:
    """The receipts of parts 0..n_parts-1 (None: up to the last there is); BadInput names the missing ones."""
    found = names(folder)
    if n_parts is None:
        n_parts = max(found, default=-1) + 1
    missing = [index for index in range(n_parts) if not present(folder, index, found)]
    if missing or not n_parts:
        some = ", ".join(map(str, missing[:8])) + (", …" if missing[8:] else "")
        raise BadInput(
            f"all {n_parts} parts of {folder}", f"{len(missing)} missing: {some}", "write the missing parts"
        )
    return [_of_part(folder, index, found[index]) for index in range(n_parts)]


def _of_part(folder: Path, index: int, candidates: list[str]) -> Receipt:
    """The receipt that belongs to the part's file, which is read only where there is more than one."""
    if len(candidates) > 1:
        actual = file_checksum(folder / part_name(index))
        candidates = [name for name in candidates if actual in name] or candidates
    return _read(folder, candidates[0])


def _read(folder: Path, name: str) -> Receipt:
    match = _NAME.match(name)
    assert match is not None
    value: dict[str, Any] = json.loads((folder / name).read_bytes())
    spreads = {
        layer: Spread(n, np.frombuffer(base64.b64decode(mean)), m2)
        for layer, (n, mean, m2) in value["spreads"].items()
    }
    rejected = [(i, reason) for i, reason in value["rejected"]]
    return Receipt(int(match[1]), value["rows"], value["bytes"], match[2], rejected, spreads)
