"""Results kept whole, under the digest of everything that decides their values."""

import os
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

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
