"""The user's cache folder: what can be had again, and may be deleted at any time."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$CONSILIENCE_CACHE``, else ``consilience`` in the user's cache folder. It may be deleted at any time."""
    named = os.environ.get("CONSILIENCE_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "consilience"
