"""Digests of large files, which are read again only when they may have changed.

What is kept in the cache folder is a digest with everything by which the file system tells that a file is another or
was written to: device, inode, size and the two times, of which nobody can set the second (``ctime``) back. A digest is
kept only of a file that was at rest for two seconds, for two writes within one tick of a clock leave the same time.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from consilience.engine.cache import cache_folder

WORTH = 1 << 24  # bytes; a smaller file is read in a hundredth of a second
_REST = 2.0  # seconds
_KEPT = "digests.json"


def digests(paths: Iterable[str | Path]) -> list[str]:
    """The SHA-256 of each file, read in pieces (about a second a gigabyte), or from what is kept."""
    kept = _read()
    before = dict(kept)
    found = [_digest(Path(path), kept) for path in paths]
    if kept != before:
        _write(kept)
    return found


def _digest(path: Path, kept: dict[str, list[str | int]]) -> str:
    key, state = str(path.absolute()), _state(path)
    if os.name == "posix" and kept.get(key, [])[1:] == state:  # elsewhere ctime is the time of creation
        return str(kept[key][0])
    began = time.time()
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    rested = max(path.stat().st_ctime, path.stat().st_mtime) < began - _REST
    if path.stat().st_size >= WORTH and rested and _state(path) == state:
        kept[key] = [found, *state]
    return found


def _state(path: Path) -> list[int]:
    of = path.stat()
    return [of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns]


def _read() -> dict[str, list[str | int]]:
    try:
        held = json.loads((cache_folder() / _KEPT).read_bytes())
    except (OSError, ValueError):
        return {}  # none yet, or half a file: everything is read
    return held if isinstance(held, dict) else {}


def _write(kept: dict[str, list[str | int]]) -> None:
    """Replaced as a whole; of two processes that write at once one loses what it found, and reads it again."""
    folder = cache_folder()
    fresh = folder / f".{_KEPT}.{os.getpid()}"
    there = {path: entry for path, entry in kept.items() if Path(path).is_file()}
    with suppress(OSError):  # where nothing can be kept, files are read again
        folder.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(there))
        fresh.replace(folder / _KEPT)
