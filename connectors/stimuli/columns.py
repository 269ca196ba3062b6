"""Tables whose columns hold stimuli: encoded pictures and sounds, and texts. One column is one view."""

import json
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256 as sha
from pathlib import Path
from typing import Any

import pyarrow as pa

from consilience.connectors.files import sha256
from consilience.connectors.stimuli.decoding import DECODED, view_of, view_of_bytes, wants
from consilience.connectors.stimuli.fragments import a_part_each_view, titled
from consilience.connectors.stimuli.rows import Rows
from consilience.connectors.stimuli.strings import Strings, ids_of, numbers

IDS = ("sample_id", "id", "name")
_HF_TYPES = {"Image": "image", "Audio": "speech"}


class Columns:
    """The rows of files under `folder`. `part` names columns (``image``, ``image,caption``), one a view.

    A column holds texts, or files of pictures or sounds: their bytes, or a struct of ``bytes`` and ``path``, as Hugging
    Face's datasets have it; a path without bytes is one from `folder`. Sample ids are in the column ``sample_id``,
    ``id`` or ``name``, or else are row numbers from 0.
    """

    licence = "not stated"
    citation = "not stated"

    def __init__(self, stem: str, rows: Rows, part: str, folder: Path):
        self._rows, self._folder = rows, folder
        self.name = titled(stem, part)
        named = [x.strip() for x in part.split(",")] if part else []
        ids = next((x for x in IDS if x in rows.schema.names and x not in named), None)
        views = {x: view for x in rows.schema.names if x != ids and (view := _view(rows, x))}
        self._chosen = a_part_each_view(views, part, "column", stem)
        for view in self._chosen:
            wants(view)
        self._ids: Strings = ids_of(rows.column(ids), f"{ids} of {stem}") if ids else numbers(rows.count)

    @cached_property
    def fingerprint(self) -> str:
        """Over the contents of the files, and which columns are shown."""
        return sha(f"{sorted(self._chosen.items())} {sha256(self._rows.paths)}".encode()).hexdigest()

    def views(self) -> Sequence[str]:
        return tuple(self._chosen)

    def sample_ids(self) -> Sequence[str]:
        return self._ids

    def get(self, view: str, index: int) -> Any:
        value = self._rows.value(self._chosen[view], index)
        if isinstance(value, dict):
            inside, path = value["bytes"], value.get("path")
            value = self._folder / path if inside is None and path else inside
        if value is None:
            raise ValueError(f"the row has no {self._chosen[view]}")
        return DECODED[view](value)


def _view(rows: Rows, column: str) -> str | None:
    """What a column shows: by its type, by what datasets say of it, or by how its first value begins."""
    kind = rows.schema.field(column).type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    if pa.types.is_struct(kind):
        if "bytes" not in {field.name for field in kind}:
            return None
    elif not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        return None
    about = json.loads((rows.schema.metadata or {}).get(b"huggingface", b"{}"))
    said = about.get("info", {}).get("features", {}).get(column, {})
    if isinstance(said, dict) and said.get("_type") in _HF_TYPES:
        return _HF_TYPES[said["_type"]]
    value = rows.first(column)
    head = value["bytes"] if isinstance(value, dict) else value
    if head is None and isinstance(value, dict) and value.get("path"):
        return view_of(Path(value["path"]).suffix)
    return view_of_bytes(head[:16]) if head else None
