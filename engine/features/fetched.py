"""Parts of tables on object stores, kept in the user's cache folder under their checksums, and mapped from there.

The folder holds at most half of what is free or its own on its disk (or ``$CONSILIENCE_CACHE_GB``); what was used
longest ago goes first. A file that is mapped stays readable when it goes.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from consilience.engine.cache import cache_folder, make_room
from consilience.engine.errors import BadInput
from consilience.engine.features.checksum import file_checksum
from consilience.engine.features.disk import atomic, writing
from consilience.engine.features.objects import ObjectPath

T = TypeVar("T")
_PIECE = 8 << 20
_TRIES = 3
_REPAIR = "`consilience verify TABLE --repair`, then the command that made it"


def folder() -> Path:
    """Where parts are kept."""
    path = cache_folder() / "parts"
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def opened(place: ObjectPath, size: int, checksum: str, open_: Callable[[Path], T]) -> T:
    """What `open_` makes of a local copy of the part at `place`, which is fetched unless the cache holds it.

    Raises BadInput when the object is missing, or is not what the manifest says.
    """
    for attempt in range(_TRIES):
        path = _copy(place, size, checksum)
        try:
            return open_(path)
        except BadInput:
            if path.exists() or attempt == _TRIES - 1:
                raise
            # Other processes needed the room before it was mapped.
    raise AssertionError


def keep(path: Path, checksum: str) -> None:
    """Put a part that was just written, a file in `folder`, into the cache: it need not be fetched."""
    with suppress(FileExistsError):
        os.link(path, _name(checksum))
    make_room(folder(), 0, ".arrow")


def _name(checksum: str) -> Path:
    return folder() / f"{checksum}.arrow"


def _copy(place: ObjectPath, size: int, checksum: str) -> Path:
    path = _name(checksum)
    with suppress(FileNotFoundError):
        if path.stat().st_size == size:
            os.utime(path)
            return path
    make_room(folder(), size, ".arrow")
    with atomic(path) as temporary:
        try:
            with place.open() as source, open(temporary, "wb") as target:
                shutil.copyfileobj(source, target, _PIECE)
        except FileNotFoundError as error:
            raise BadInput(f"the part {place}", "no such object", _REPAIR) from error
        if temporary.stat().st_size != size or file_checksum(temporary) != checksum:
            raise BadInput(
                f"{place} as it was written (checksum {checksum[:12]}…)",
                "other bytes",
                _REPAIR,
            )
    return path
