"""Receipts: what each part of an unfinished table holds, kept beside the part until the manifest says it.

A receipt's name holds its part's checksum, so that two processes that write the same part at the same time cannot leave
a receipt that belongs to the other's file.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.checksum import file_checksum
from consilience.engine.features.location import Location, each, sizes, write_json
from consilience.engine.features.objects import ObjectPath
from consilience.engine.features.parts import part_name
from consilience.engine.features.statistics import Spread

_NAME = re.compile(r"^\.part-(\d{5,})\.([0-9a-f]{64})\.json$")


@dataclass(frozen=True)
class Receipt:
    """What a part holds: rows, bytes and checksum of its file, the rejected samples, each layer's spread."""

    index: int
    rows: int
    bytes: int
    checksum: str
    rejected: list[tuple[str, str]] = field(default_factory=list)
    spreads: dict[str, Spread] = field(default_factory=dict)

    def write(self, folder: Location) -> None:
        """Put the receipt into `folder`."""
        # Means are float64 bits in base64: exact, and half the length of decimal text.
        spreads = {
            k: [s.n, base64.b64encode(s.mean.tobytes()).decode(), s.m2] for k, s in self.spreads.items()
        }
        value = {"rows": self.rows, "bytes": self.bytes, "rejected": self.rejected, "spreads": spreads}
        value["seal"] = _seal(value)
        write_json(folder / f".part-{self.index:05d}.{self.checksum}.json", value)


@dataclass(frozen=True)
class Listing:
    """One look into the folder of an unfinished table: sizes by name, and part index -> names of its receipts, several
    if processes wrote the part at the same time."""

    sizes: dict[str, int | None]
    names: dict[int, list[str]]


def listing(folder: Location) -> Listing:
    """What `folder` holds."""
    found = sizes(folder)
    listed: dict[int, list[str]] = {}
    for name in sorted(found):
        if match := _NAME.match(name):
            listed.setdefault(int(match[1]), []).append(name)
    return Listing(found, listed)


def of_part(folder: Location, index: int, found: Listing, check: bool = False) -> Receipt | None:
    """The receipt of part `index`, or None when the part is not there, or not of the size that a receipt gives it.

    Where there are several such receipts, and where `check` asks for it, the part has to have the checksum of one: it
    is read, or its object says so.
    """
    size = found.sizes.get(part_name(index))
    read = (_read(folder, name) for name in found.names.get(index, ()))
    fitting = [receipt for receipt in read if receipt is not None and receipt.bytes == size]
    if len(fitting) > 1 or (fitting and check):
        actual = _checksum(folder / part_name(index))
        fitting = [receipt for receipt in fitting if receipt.checksum == actual]
    return fitting[0] if fitting else None


def of_all_parts(folder: Location, n_parts: int | None) -> list[Receipt]:
    """The receipts of parts 0..n_parts-1 (None: up to the last there is); BadInput names the missing ones."""
    found = listing(folder)
    if n_parts is None:
        n_parts = max(found.names, default=-1) + 1
    receipts = each(lambda index: of_part(folder, index, found), range(n_parts), folder)
    missing = [index for index, receipt in enumerate(receipts) if receipt is None]
    if missing or not n_parts:
        some = ", ".join(map(str, missing[:8])) + (", …" if missing[8:] else "")
        raise BadInput(
            f"all {n_parts} parts of {folder}", f"{len(missing)} missing: {some}", "write the missing parts"
        )
    return [receipt for receipt in receipts if receipt is not None]


def _checksum(part: Location) -> str:
    told = part.checksum() if isinstance(part, ObjectPath) else None
    return told or file_checksum(part)


def _read(folder: Location, name: str) -> Receipt | None:
    """The receipt `name`, or None when it is damaged."""
    match = _NAME.match(name)
    assert match is not None
    try:
        value: dict[str, Any] = json.loads((folder / name).read_bytes())
    except ValueError:
        return None
    if not isinstance(value, dict) or value.pop("seal", None) != _seal(value):
        return None
    spreads = {
        layer: Spread(n, np.frombuffer(base64.b64decode(mean)), m2)
        for layer, (n, mean, m2) in value["spreads"].items()
    }
    rejected = [(i, reason) for i, reason in value["rejected"]]
    return Receipt(int(match[1]), value["rows"], value["bytes"], match[2], rejected, spreads)


def _seal(value: dict[str, Any]) -> str:
    """What tells a receipt from a damaged one."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
