"""Numbers about representations and pairs of them, in Arrow files that are only ever added to a folder.

There is one folder for everything of which the numbers are comparable, and one file a sweep: a zoo that grows by a
hundred models has a hundred files a metric and not one for each of its pairs. A file appears whole or not at all.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa

from consilience.engine.errors import BadInput

ABOUT = b"about"


@dataclass(frozen=True)
class Segment:
    """The rows that one sweep added, and what it told `about` them all, of plain JSON values."""

    rows: pa.Table
    about: dict[str, Any]

    def places(self, name: str, at: Mapping[str, int]) -> np.ndarray:
        """Of every row the number that `at` has for its key in column `name`, -1 for a key that is not there."""
        keys = self.rows[name].chunk(0)
        numbers = np.array([at.get(key, -1) for key in keys.dictionary.to_pylist()], np.int64)
        return numbers[keys.indices.to_numpy()]

    def values(self, name: str) -> np.ndarray:
        """A column of numbers, or of as many numbers in each row."""
        column = self.rows[name]
        if pa.types.is_fixed_size_list(column.type):
            flat = column.chunk(0).flatten().to_numpy()
            return np.asarray(flat.reshape(len(column), column.type.list_size))
        found: np.ndarray = column.to_numpy()
        return found

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self.rows.column_names

    def texts(self, name: str) -> dict[int, str]:
        """A column of text, by row where there is any."""
        column = self.rows[name]
        if column.null_count == len(column):
            return {}
        return {row: text for row, text in enumerate(column.to_pylist()) if text is not None}


def read(folder: Path) -> list[Segment]:
    """All segments in `folder`, the oldest first; none where there is no folder.

    Raises BadInput for one that is damaged.
    """
    found = []
    for path in sorted(folder.glob("[!.]*.arrow"), key=lambda path: (path.stat().st_mtime_ns, path.name)):
        try:
            with pa.memory_map(str(path)) as file:
                rows = pa.ipc.open_file(file).read_all()
        except (pa.ArrowException, OSError) as error:
            raise BadInput(
                "readable scores", f"{path}: {error}", "delete that file: they are computed again"
            ) from error
        found.append(Segment(rows, json.loads(rows.schema.metadata[ABOUT])))
    return found


def add(
    folder: Path,
    keys: Sequence[str],
    places: Mapping[str, np.ndarray],
    values: Mapping[str, np.ndarray],
    texts: Mapping[str, Mapping[int, str]],
    about: Mapping[str, Any],
) -> None:
    """Add rows to `folder`.

    Args:
        places: columns of keys, each row by its number in `keys`. values: columns of numbers; (rows, k) of float32.
        texts: columns of text, by row where there is any.
    """
    known = pa.array(keys, pa.string())
    columns: dict[str, pa.Array] = {
        name: pa.DictionaryArray.from_arrays(pa.array(at, pa.int32()), known) for name, at in places.items()
    }
    columns |= {name: _numbers(column) for name, column in values.items()}
    count = len(next(iter(places.values())))
    for name, given in texts.items():
        columns[name] = pa.array(
            [given.get(row) for row in range(count)] if given else pa.nulls(count), pa.string()
        )
    rows = pa.table(columns).replace_schema_metadata({ABOUT: json.dumps(about)})
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{uuid4().hex}.arrow"
    half = folder / f".{name}"
    try:
        with pa.OSFile(str(half), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
            writer.write_table(rows)
        os.replace(half, folder / name)
    finally:
        half.unlink(missing_ok=True)


def _numbers(column: np.ndarray) -> pa.Array:
    if column.ndim == 1:
        return pa.array(column, pa.float64())
    return pa.FixedSizeListArray.from_arrays(pa.array(column.ravel(), pa.float32()), column.shape[1])
