"""What can be had again, and may be deleted at any time: the user's cache folder, and the bound on what is kept there.

A folder holds at most half of what is free or its own on its disk (or ``$CONSILIENCE_CACHE_GB``).
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from consilience.engine.errors import BadInput


def cache_folder() -> Path:
    """``$CONSILIENCE_CACHE``, else ``consilience`` in the user's cache folder. It may be deleted at any time."""
    named = os.environ.get("CONSILIENCE_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "consilience"


def make_room(folder: Path, size: int, ending: str) -> None:
    """Remove those files with that ending which were used longest ago, until `size` more bytes are within the bound."""
    held = []
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):
            if entry.name.endswith(ending) and not entry.name.startswith("."):
                held.append((entry.stat().st_mtime, entry.stat().st_size, entry.path))
    used = sum(nbytes for _, nbytes, _ in held)
    bound = _bound(folder, used)
    for _, nbytes, path in sorted(held):
        if used + size <= bound:
            return
        Path(path).unlink(missing_ok=True)
        used -= nbytes


def _bound(folder: Path, used: int) -> float:
    named = os.environ.get("CONSILIENCE_CACHE_GB")
    if not named:
        return (shutil.disk_usage(folder).free + used) / 2
    try:
        return float(named) * 1e9
    except ValueError as error:
        raise BadInput(
            "CONSILIENCE_CACHE_GB as a number", repr(named), "write gigabytes, such as 50"
        ) from error
