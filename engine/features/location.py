"""Where a store is: a folder, or a place in an object store. What differs between the two is here."""

import json
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from consilience.engine.features.disk import atomic
from consilience.engine.features.objects import ObjectPath, object_path

Location = Path | ObjectPath
_REQUESTS = 16  # at a time: they wait for the network

T = TypeVar("T")
R = TypeVar("R")


def is_uri(place: object) -> bool:
    """Whether `place` is the URI of a store rather than a path."""
    return isinstance(place, str) and "://" in place


def location(place: str | Location) -> Location:
    """A path as an absolute one, a URI such as ``s3://bucket/prefix?region=…`` as a place in an object store."""
    if isinstance(place, ObjectPath):
        return place
    if is_uri(place) and not str(place).startswith("file://"):
        return object_path(str(place))
    return Path(str(place).removeprefix("file://")).expanduser().absolute()


def sizes(folder: Location) -> dict[str, int | None]:
    """What is one level below `folder`: name -> bytes, None for a folder. Nothing when it is not there."""
    if isinstance(folder, ObjectPath):
        return folder.sizes()
    found: dict[str, int | None] = {}
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # gone since it was listed
                found[entry.name] = None if entry.is_dir() else entry.stat().st_size
    return found


def open_file(place: Location) -> Any:
    """The file at `place` for reading, unbuffered."""
    return place.open() if isinstance(place, ObjectPath) else open(place, "rb", buffering=0)


def write_bytes(place: Location, data: bytes) -> None:
    """Write a small file, whole or not at all."""
    if isinstance(place, ObjectPath):
        place.write_bytes(data)
        return
    with atomic(place) as temporary:
        temporary.write_bytes(data)


def write_json(place: Location, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_bytes(place, (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def move(source: Location, target: Location) -> None:
    """Give a file another place in the same store, in place of what stands there."""
    if isinstance(source, ObjectPath):
        assert isinstance(target, ObjectPath)
        source.copy(target)
        source.unlink()
    else:
        assert isinstance(target, Path)
        os.replace(source, target)


def remove_folder(folder: Location) -> None:
    """Remove a folder of files, if it is there."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.remove()


def each(function: Callable[[T], R], items: Iterable[T], place: Location, threads: int = 1) -> list[R]:
    """`function` of every item, in order; on object stores many at a time, on disk as many as `threads`."""
    threads = _REQUESTS if isinstance(place, ObjectPath) else threads
    if threads == 1:
        return list(map(function, items))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))
