"""Rows of Parquet and Arrow files, read by the group that they were written in; nothing else of a file is in memory."""

import bisect
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa

from consilience.engine.errors import BadInput

MOST_BYTES = 1 << 30  # of one column of one group, which is read as a whole
_KEPT = 4  # groups of a column; samples are asked for in order, a few batches at once


class Rows(ABC):
    """The rows of files of one schema, one after the other. Can be pickled: files are opened when they are read.

    Raises BadInput for a file that is broken, or has other columns than the first one.
    """

    def __init__(self, paths: Sequence[Path]):
        self.paths = list(paths)
        self._starts: list[int] = []  # row of the first of each group
        self._groups: list[tuple[int, int]] = []  # file and place in it
        self.count = 0
        for number, path in enumerate(self.paths):
            try:
                schema, groups = self._opened(path)
            except (pa.ArrowInvalid, OSError, EOFError) as error:
                raise BadInput(self.kind, f"{path}: {error}", "write or fetch it again") from error
            if not number:
                self.schema = schema
            if schema.names != self.schema.names or schema.types != self.schema.types:
                raise BadInput(
                    f"the columns of {self.paths[0].name} in every file beside it",
                    f"others in {path.name}",
                    "name one of the files",
                )
            for place, rows in groups:
                self._starts.append(self.count)
                self._groups.append((number, place))
                self.count += rows
        self._open()

    kind: str

    def value(self, column: str, row: int) -> Any:
        """One cell, as a Python value."""
        group = bisect.bisect_right(self._starts, row) - 1
        with self._lock:  # those who come meanwhile want the same group
            key = column, group
            if key not in self._kept:
                self._kept[key] = self._read(group, column)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            found = self._kept[key]
        return found[row - self._starts[group]].as_py()

    def column(self, name: str) -> pa.ChunkedArray:
        """A whole column, for those that are small."""
        pieces = [self._read(group, name) for group in range(len(self._groups))]
        chunks = [
            x for piece in pieces for x in (piece.chunks if isinstance(piece, pa.ChunkedArray) else [piece])
        ]
        return pa.chunked_array(chunks, self.schema.field(name).type)

    def first(self, name: str) -> Any:
        """The first value of a column that there is, or None."""
        for group, start in enumerate(self._starts):
            end = self._starts[group + 1] if group + 1 < len(self._starts) else self.count
            for row in range(start, end):
                if (value := self.value(name, row)) is not None:
                    return value
        return None

    def _read(self, group: int, column: str) -> Any:
        number, place = self._groups[group]
        return self._piece(self.paths[number], place, column)

    def _open(self) -> None:
        self._lock, self._kept = Lock(), OrderedDict[tuple[str, int], Any]()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_lock", "_kept")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    @abstractmethod
    def _opened(self, path: Path) -> tuple[pa.Schema, list[tuple[int, int]]]:
        """The schema, and place and rows of every group."""

    @abstractmethod
    def _piece(self, path: Path, place: int, column: str) -> Any:
        """A column of the group at that place."""


class ParquetRows(Rows):
    """By row group. Raises BadInput also for a row group of which one column has over `MOST_BYTES`."""

    kind = "a Parquet file"

    def _opened(self, path: Path) -> tuple[pa.Schema, list[tuple[int, int]]]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(k) for k in range(file.metadata.num_row_groups)]
            for group in groups:
                largest = max(
                    (group.column(c).total_uncompressed_size for c in range(group.num_columns)), default=0
                )
                if largest > MOST_BYTES:
                    raise BadInput(
                        f"row groups of at most {MOST_BYTES >> 20} MiB a column",
                        f"{largest >> 20} MiB in {path}",
                        "write it again with a smaller row_group_size, such as 1000",
                    )
            return file.schema_arrow, [(k, group.num_rows) for k, group in enumerate(groups)]

    def _piece(self, path: Path, place: int, column: str) -> Any:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            return file.read_row_group(place, columns=[column]).column(column)


class ArrowRows(Rows):
    """By record batch, of the file or the stream format of Arrow IPC, mapped into memory: a cell is read from the disk
    when it is asked for."""

    kind = "an Arrow IPC file"

    def _opened(self, path: Path) -> tuple[pa.Schema, list[tuple[int, int]]]:
        with pa.memory_map(str(path)) as source:
            if source.read(6) == b"ARROW1":
                with pa.ipc.open_file(source) as file:
                    places = [(k, file.get_batch(k).num_rows) for k in range(file.num_record_batches)]
                    return file.schema, places
            source.seek(0)
            return _stream(source, path)

    def _piece(self, path: Path, place: int, column: str) -> Any:
        source = pa.memory_map(str(path))  # closed with the last that looks into it
        if source.read(6) == b"ARROW1":
            return pa.ipc.open_file(source).get_batch(place).column(column)
        source.seek(place)
        return pa.ipc.read_record_batch(source, self.schema).column(column)


def _stream(source: Any, path: Path) -> tuple[pa.Schema, list[tuple[int, int]]]:
    """Of a stream the offsets of its batches take the place of the numbers that a file has for them."""
    schema = pa.ipc.read_schema(source)
    if any(pa.types.is_dictionary(field.type) for field in schema):
        raise BadInput("a stream without dictionaries", f"one in {path}", "write it as Parquet")
    places: list[tuple[int, int]] = []
    size = source.size()
    while (at := source.tell()) < size:
        try:
            message = pa.ipc.read_message(source)
        except EOFError:  # the mark of the end
            break
        places.append((at, pa.ipc.read_record_batch(message, schema).num_rows))
    return schema, places


def parts_of(place: Path) -> Iterator[Path]:
    """The Parquet files under a folder, in order; hidden ones, which are being written, are not."""
    yield from (
        x for x in sorted(place.rglob("*.parquet")) if not any(p.startswith((".", "_")) for p in x.parts[-1:])
    )
