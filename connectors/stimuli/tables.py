"""A column of texts of a CSV, TSV or JSONL file: a column each language, or each writer, under the same ids."""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import sha256 as sha
from pathlib import Path
from typing import Any

import pyarrow as pa

from consilience.connectors.stimuli.columns import IDS
from consilience.connectors.stimuli.decoding import text
from consilience.connectors.stimuli.fragments import titled
from consilience.connectors.stimuli.strings import Strings, ids_of, numbers
from consilience.engine.errors import BadInput, unknown

_JSON_LINES = frozenset({".jsonl", ".ndjson"})
TABLES = _JSON_LINES | {".csv", ".tsv"}


class TextColumn:
    """The texts of one column. Sample ids are in the column ``sample_id``, ``id`` or ``name``, or else are row numbers
    from 0. An empty cell is a sample, which is rejected, so that the others keep their ids in every language.

    A CSV is quoted, a TSV is not. Raises BadInput for a column that is not there, where none is named and there are
    several, and for a file that is not what its ending says.
    """

    licence = "not stated"
    citation = "not stated"

    def __init__(self, path: Path, column: str):
        read = _lines if path.suffix.lower() in _JSON_LINES else _cells
        names = _names(path)
        if column and column not in names:
            raise unknown(f"column of {path.name}", column, names)
        ids = next((x for x in IDS if x in names and x != column), None)
        texts = [x for x in names if x != ids]
        if not column and len(texts) != 1:
            raise BadInput(
                f"one column of texts in {path.name}", ", ".join(texts) or "none",
                f"name the one that is meant, as in text:{path.name}#{texts[0] if texts else 'text'}",
            )  # fmt: skip
        column = column or texts[0]
        self.name = titled(path.stem, column)
        table = read(path, [x for x in (ids, column) if x])
        self._texts = Strings(table.column(column))
        if not len(self._texts):
            raise BadInput("at least one row", f"{path}, which has none", "check the path")
        self._ids = ids_of(table.column(ids), f"{ids} of {path.name}") if ids else numbers(len(self._texts))

    @cached_property
    def fingerprint(self) -> str:
        """Over ids and texts of the column: other columns may change."""
        whole = sha()
        for key, value in zip(self._ids, self._texts):
            whole.update(f"{key}\t{value}\n".encode())
        return whole.hexdigest()

    def views(self) -> Sequence[str]:
        return ("text",)

    def sample_ids(self) -> Sequence[str]:
        return self._ids

    def get(self, view: str, index: int) -> Any:
        return text(self._texts[index])


def _names(path: Path) -> list[str]:
    """The columns: of the header, or of the first line."""
    if path.suffix.lower() in _JSON_LINES:
        return list(next(_objects(path), (0, {}))[1])
    from pyarrow import csv

    try:
        with csv.open_csv(path, parse_options=_quoted(path)) as file:
            return list(file.schema.names)
    except pa.ArrowInvalid as error:
        raise _bad(path, str(error)) from error


def _cells(path: Path, columns: list[str]) -> pa.Table:
    from pyarrow import csv

    as_text = csv.ConvertOptions(
        include_columns=columns,
        column_types=dict.fromkeys(columns, pa.large_string()),
        strings_can_be_null=False,
    )
    try:
        return csv.read_csv(path, parse_options=_quoted(path), convert_options=as_text)
    except pa.ArrowInvalid as error:
        raise _bad(path, str(error)) from error


def _quoted(path: Path) -> Any:
    from pyarrow import csv

    if path.suffix.lower() == ".tsv":
        return csv.ParseOptions(delimiter="\t", quote_char=False)
    return csv.ParseOptions(newlines_in_values=True)


def _lines(path: Path, columns: list[str]) -> pa.Table:
    kept: dict[str, list[str]] = {name: [] for name in columns}
    for number, row in _objects(path):
        for name, values in kept.items():
            value = row.get(name)
            if value is not None and not isinstance(value, str | int):
                raise _bad(path, f"{type(value).__name__} as {name!r} in line {number}")
            values.append("" if value is None else str(value))
    return pa.table({name: pa.array(values, pa.large_string()) for name, values in kept.items()})


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        try:
            for number, line in enumerate(file, 1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise _bad(path, f"{type(row).__name__} in line {number}")
                    yield number, row
        except UnicodeDecodeError as error:
            raise _bad(path, str(error)) from error
        except json.JSONDecodeError as error:
            raise _bad(path, f"line {number}: {error}") from error


def _bad(path: Path, got: str) -> BadInput:
    lines = path.suffix.lower() in _JSON_LINES
    form = "an object in JSON a line" if lines else "a header and as many cells a row"
    return BadInput(f"{path.name} with {form}, in UTF-8", got, "correct the file")
