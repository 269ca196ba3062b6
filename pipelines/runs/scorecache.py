"""Results kept whole, under the digest of everything that decides their values."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from consilience.engine.progress import Progress
from consilience.pipelines.console import Console

if TYPE_CHECKING:
    import xarray as xr


class ScoreCache:
    """Tables in `folder`, one file a key. Scores of pairs are not kept so, but pair by pair: see `pairscores`."""

    def __init__(self, folder: Path):
        self.folder = folder

    def holds(self, key: str) -> bool:
        """Whether there is a table under `key`."""
        return (self.folder / f"{key}.nc").is_file()

    def find(self, key: str) -> "xr.Dataset | None":
        """The table under `key`, or None."""
        from consilience.engine.scores import open_scores

        path = self.folder / f"{key}.nc"
        return open_scores(path) if path.is_file() else None

    def keep(self, key: str, scores: "xr.Dataset") -> None:
        """Store `scores`; the file appears whole or not at all."""
        from consilience.engine.scores import save

        self.folder.mkdir(parents=True, exist_ok=True)
        half = self.folder / f".{uuid4().hex}.nc"
        try:
            save(scores, half)
            os.replace(half, self.folder / f"{key}.nc")
        finally:
            half.unlink(missing_ok=True)

    def filled(
        self,
        wanted: Mapping[str, str],
        work: "Callable[[Progress], Callable[[str], xr.Dataset]]",
        console: Console,
        title: str,
    ) -> "dict[str, xr.Dataset]":
        """The table of every name of `wanted`, under its key: from here, or computed, and kept the moment it exists.

        `work` is called, if anything is missing, for what computes the table of a name.
        """
        parts = {name: self.find(key) for name, key in wanted.items()}
        missing = [name for name, part in parts.items() if part is None]
        if missing:
            console.say(title)
            with console.watching() as progress:
                compute = work(progress)
                for done, name in enumerate(missing, 1):
                    parts[name] = part = compute(name)
                    self.keep(wanted[name], part)
                    progress(title.lower(), done, len(missing))
        return {name: part for name, part in parts.items() if part is not None}
