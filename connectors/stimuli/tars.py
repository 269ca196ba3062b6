"""Where in tar files the parts of samples are: read once from the headers, and kept as arrays."""

import re
import tarfile
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

import numpy as np

from consilience.connectors.stimuli.decoding import view_of
from consilience.connectors.stimuli.strings import Strings
from consilience.engine.errors import BadInput, unknown

_NAME = re.compile(r"(?:\./)?((?:.*/)?[^./]+)\.([^/]*)")  # key and field; hidden files have neither
_COMPRESSED = {b"\x1f\x8b": "gunzip", b"BZ": "bunzip2", b"\xfd7": "unxz", b"(\xb5": "unzstd"}
_FIELDS = 100  # that are remembered to be named in an error: names with a dot too many have one field each


@dataclass(frozen=True)
class Member:
    """A file in a tar: its key and field, and where its bytes are."""

    key: str
    field: str
    offset: int
    size: int


@dataclass(frozen=True)
class Index:
    """The samples: their ids; how many there are to the end of each shard; view -> offsets and sizes (-1: none)."""

    ids: Strings
    ends: np.ndarray
    places: dict[str, tuple[np.ndarray, np.ndarray]]


def indexed(shards: Sequence[Path], fields: frozenset[str] | None) -> Index:
    """The index of the samples in `shards`; `fields` are those that are meant (None: all that can be shown).

    Raises BadInput for a file that is no whole tar, for a sample with two fields of one view, for a field that no
    sample has, and for a key that comes twice in a shard.
    """
    views = {field: view for field in fields or () if (view := _view(field))}
    if fields and (wrong := fields - set(views)):
        raise BadInput(
            "fields of pictures, sounds or texts", ", ".join(sorted(wrong)), "name others, as in #jpg"
        )
    places: dict[str, tuple[array[int], array[int]]] = {}
    ends: list[int] = []
    seen: Counter[str] = Counter()
    ids = Strings(_placed(shards, fields, views, places, ends, seen))
    if fields and (absent := sorted(fields - set(seen))):
        raise unknown("field of these shards", absent[0], list(seen))
    if not places:
        raise BadInput(
            "pictures, sounds or texts in the tar files",
            f"files that end in {', '.join(list(seen)[:12]) or 'nothing'}",
            "check the pattern",
        )
    for pair in places.values():
        _fill(pair, len(ids))
    arrays = {
        view: (np.frombuffer(a, np.int64), np.frombuffer(b, np.int64)) for view, (a, b) in places.items()
    }
    return Index(_distinct(ids, shards, ends), np.array(ends), arrays)


def _placed(
    shards: Sequence[Path],
    fields: frozenset[str] | None,
    views: Mapping[str, str],
    places: "dict[str, tuple[array[int], array[int]]]",
    ends: list[int],
    seen: Counter[str],
) -> Iterator[str]:
    """The keys; meanwhile `places`, `ends`, and the fields that were `seen` are filled in."""
    count = 0
    for shard in shards:
        for key, members in groupby(_members(shard), lambda x: x.key):
            for member in members:
                if member.field in seen or len(seen) < _FIELDS or member.field in views:
                    seen[member.field] += 1
                view = views.get(member.field) if fields else _view(member.field)
                if view is not None:
                    _put(places.setdefault(view, (array("q"), array("q"))), count, member, shard)
            count += 1
            yield key
        ends.append(count)


def _members(shard: Path) -> Iterator[Member]:
    with shard.open("rb") as file:
        if how := _COMPRESSED.get(file.read(2)):
            raise BadInput(
                "a tar that is not compressed", f"{shard}", f"{how} it: its files are compressed already"
            )
    try:
        with tarfile.open(shard, "r:") as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # it would keep an object for each
                if info.isreg() and (found := _NAME.fullmatch(info.name)):
                    yield Member(found[1], found[2].lower(), info.offset_data, info.size)
    except (tarfile.TarError, EOFError) as error:
        raise BadInput("a whole tar file", f"{shard}: {error}", "write or fetch it again") from error


def _view(field: str) -> str | None:
    return view_of(PurePosixPath("." + field).suffix or f".{field}")


def _put(pair: "tuple[array[int], array[int]]", row: int, member: Member, shard: Path) -> None:
    if len(pair[0]) > row:
        raise BadInput(
            "one field a view of each sample",
            f"{member.key} in {shard.name} with .{member.field} and another",
            f"name the one that is meant: #{member.field}",
        )
    _fill(pair, row)
    pair[0].append(member.offset)
    pair[1].append(member.size)


def _fill(pair: "tuple[array[int], array[int]]", count: int) -> None:
    """With -1 for the samples that have none, up to `count`."""
    for values in pair:
        values.extend(array("q", [-1]) * (count - len(values)))


def _distinct(ids: Strings, shards: Sequence[Path], ends: Sequence[int]) -> Strings:
    if ids.distinct():
        return ids
    starts = [0, *ends]
    longer = Strings(
        f"{shard.stem}/{key}" for k, shard in enumerate(shards) for key in ids[starts[k] : ends[k]]
    )
    if not longer.distinct():
        raise BadInput(
            "every key once in a shard, and no two shards of one name",
            "a key that comes again",
            "write the files of a sample one after the other, under a key of its own",
        )
    return longer
