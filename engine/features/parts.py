"""One part of a feature table: an Arrow IPC file with one record batch, so that a layer lies in one piece.

A part is written beside a *receipt* that says what is in it. The receipt's name holds the part's checksum, so
that two processes that write the same part at once cannot leave a receipt that belongs to the other's file.
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from consilience.engine.errors import BadInput
from consilience.engine.features.checksum import file_checksum
from consilience.engine.features.disk import atomic
from consilience.engine.features.schema import ID, LayerInfo, arrow_schema
from consilience.engine.features.statistics import Spread

_RECEIPT = re.compile(r"^\.part-(\d{5,})\.([0-9a-f]{64})\.json$")
REPAIR = "restore the file from a copy, or delete the table's folder and extract or import it again"


def part_name(index: int) -> str:
    """The file name of part `index`."""
    return f"part-{index:05d}.arrow"


@dataclass(frozen=True)
class Receipt:
    """What a part holds: rows, bytes and checksum of its file, the rejected samples, each layer's spread."""

    index: int
    rows: int
    bytes: int
    checksum: str
    rejected: list[tuple[str, str]] = field(default_factory=list)
    spreads: dict[str, Spread] = field(default_factory=dict)

    @property
    def file(self) -> str:
        return f".part-{self.index:05d}.{self.checksum}.json"

    def to_json(self) -> dict[str, Any]:
        # Means are float64 bits in base64: exact, and a third of the length of decimal text.
        spreads = {
            k: [s.n, base64.b64encode(s.mean.tobytes()).decode(), s.m2] for k, s in self.spreads.items()
        }
        return {"rows": self.rows, "bytes": self.bytes, "rejected": self.rejected, "spreads": spreads}

    @classmethod
    def from_json(cls, name: str, value: dict[str, Any]) -> "Receipt":
        match = receipt_name(name)
        assert match is not None
        spreads = {
            k: Spread(n, np.frombuffer(base64.b64decode(mean)), m2)
            for k, (n, mean, m2) in value["spreads"].items()
        }
        rejected = [(i, reason) for i, reason in value["rejected"]]
        return cls(match[0], value["rows"], value["bytes"], match[1], rejected, spreads)


def receipt_name(name: str) -> tuple[int, str] | None:
    """(part index, checksum) if `name` is a receipt's file name."""
    match = _RECEIPT.match(name)
    return (int(match[1]), match[2]) if match else None


def write_part_file(
    path: Path,
    sample_ids: Sequence[str],
    arrays: Mapping[str, np.ndarray],
    layers: Mapping[str, LayerInfo],
    seal: Callable[[int, str], None],
) -> None:
    """Write one part atomically; arrays are (rows, dim), of the layer's dtype.

    The file is read again, rows counted and bytes summed, and `seal` called with its size and checksum, before it
    takes its name.
    """
    schema = arrow_schema(layers)
    columns = [pa.array(sample_ids, pa.string())]
    for name in layers:
        column = schema.field(name).type
        flat = pa.Array.from_buffers(
            column.value_type, arrays[name].size, [None, pa.py_buffer(np.ascontiguousarray(arrays[name]))]
        )
        columns.append(pa.Array.from_buffers(column, len(sample_ids), [None], children=[flat]))
    batch = pa.record_batch(columns, schema=schema)
    with atomic(path) as temporary:
        with pa.OSFile(str(temporary), mode="w") as file, pa.ipc.new_file(file, schema) as writer:
            writer.write_batch(batch)
        map_part(temporary, len(sample_ids), layers)
        seal(temporary.stat().st_size, file_checksum(temporary))


def map_part(
    path: Path, rows: int, layers: Mapping[str, LayerInfo]
) -> tuple[pa.Array, dict[str, np.ndarray]]:
    """(sample ids, layer -> read-only (rows, dim) view of the memory-mapped file), without copying.

    Raises BadInput when the file is not the part that the manifest describes.
    """
    try:
        # The mapping outlives the file: buffers keep it, and no file descriptor stays open.
        with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
            good = reader.schema.equals(arrow_schema(layers)) and reader.num_record_batches == 1
            batch = reader.get_batch(0) if good else None
    except (pa.ArrowException, OSError) as error:
        raise BadInput("a readable part of a feature table", f"{path}: {error}", REPAIR) from error
    if batch is None or batch.num_rows != rows:
        got = "other columns" if batch is None else f"{batch.num_rows} rows"
        raise BadInput(f"{rows} rows of layers {', '.join(layers)}", f"{got} in {path}", REPAIR)
    views = {
        name: batch.column(name).flatten().to_numpy(zero_copy_only=True).reshape(rows, info.dim)
        for name, info in layers.items()
    }
    return batch.column(ID), views
