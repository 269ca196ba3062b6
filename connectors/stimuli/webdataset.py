"""Shards of tar files, as webdataset writes them."""

from collections.abc import Sequence
from functools import cached_property
from glob import glob
from hashlib import sha256 as sha
from pathlib import Path
from re import split
from typing import Any

import numpy as np

from consilience.connectors.files import sha256
from consilience.connectors.stimuli.braces import expanded
from consilience.connectors.stimuli.decoding import DECODED, wants
from consilience.connectors.stimuli.fragments import divided, titled
from consilience.connectors.stimuli.registry import register
from consilience.connectors.stimuli.tars import Index, indexed
from consilience.engine.errors import BadInput


@register(
    "webdataset:PATTERN",
    "tar shards (data/{000..012}.tar or data/*.tar): one view a sample's files (.jpg, .txt, .wav), or #jpg or #jpg,txt",
)
class WebDataset:
    """The samples of tar files, in the order of the shards and of their members.

    A sample is the members that follow each other and have the same name to its first dot, its key. What comes after
    is a field, whose ending says what it shows; fields of one view stand for each other (``jpg`` and ``png``), unless
    `#` names some. A sample without such a field is rejected. Sample ids are the keys; where one comes in two shards,
    the shard's name and the key (``00001/cat``).

    The places of the members are in memory, 16 bytes and the id a sample; the members themselves are read when they
    are asked for. Raises BadInput for a compressed tar, which can only be read from its beginning.
    """

    licence = "not stated"
    citation = "not stated"

    def __init__(self, argument: str):
        pattern, part = divided(argument)
        self._shards = _expanded(pattern)
        stem = "-".join(x for x in split(r"\W+", Path(pattern).name.removesuffix(".tar")) if x)
        self.name = titled(stem or Path(pattern).parent.name, part)
        self._part = part
        fields = frozenset(x.strip().lower() for x in part.split(",")) if part else None
        self._index: Index = indexed(self._shards, fields)
        for view in self._index.places:
            wants(view)

    @cached_property
    def fingerprint(self) -> str:
        """Over the contents of the shards, and which fields are shown."""
        return sha(f"{self._part} {sha256(self._shards)}".encode()).hexdigest()

    def views(self) -> Sequence[str]:
        return tuple(self._index.places)

    def sample_ids(self) -> Sequence[str]:
        return self._index.ids

    def get(self, view: str, index: int) -> Any:
        offset, size = (int(x[index]) for x in self._index.places[view])
        if offset < 0:
            raise ValueError(f"the sample has no file of the view {view}")
        shard = int(np.searchsorted(self._index.ends, index, side="right"))
        with self._shards[shard].open("rb") as file:
            file.seek(offset)
            return DECODED[view](file.read(size))


def _expanded(pattern: str) -> list[Path]:
    """The shards that a pattern with braces and stars stands for, in the order of the braces, then by name."""
    found: list[str] = []
    for one in expanded(str(Path(pattern).expanduser())):
        there = [one] if Path(one).exists() else sorted(glob(one, recursive=True))
        if not there:
            raise BadInput("tar files", f"{one}, which is none", "check the pattern")
        found += there
    paths = [Path(x).absolute() for x in dict.fromkeys(found)]
    if wrong := [x for x in paths if not x.is_file()]:
        raise BadInput("tar files", f"{wrong[0]}, which is not a file", "end the pattern in *.tar")
    return paths
