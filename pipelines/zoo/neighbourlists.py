"""Neighbour lists of a study's representations, kept beside its scores: a model that joins brings only its own.

A file holds the lists of one representation, and is mapped. Its name is the digest of all that decides them. The folder
is bounded as the cache of parts is (`engine.cache`): lists that were used longest ago go first, and are searched again.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from consilience.engine.cache import make_room
from consilience.engine.features.disk import atomic
from consilience.engine.features.schema import digest
from consilience.engine.scores import label
from consilience.pipelines.zoo.contents import contents, wide
from consilience.pipelines.zoo.pairscores import Pairs
from consilience.pipelines.zoo.prepare import Prepared

ENDING = ".npy"


@dataclass(frozen=True)
class KeptLists:
    """Those of the representations of `pairs`; see `engine.scoring.known.Lists`."""

    prepared: Prepared
    pairs: Pairs

    def read(self, name: str, space: str, k: int) -> np.ndarray | None:
        path = self._path(name, space, k)
        try:
            found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        except (
            FileNotFoundError,
            ValueError,
            EOFError,
        ):  # none, or half of one: it is searched for and written again
            return None
        with suppress(OSError):
            os.utime(path)  # it was used
        return found

    def write(self, name: str, space: str, k: int, lists: np.ndarray) -> None:
        path = self._path(name, space, k)
        path.parent.mkdir(parents=True, exist_ok=True)
        make_room(path.parent, lists.nbytes, ENDING)
        with atomic(path) as temporary, open(temporary, "wb") as file:
            np.save(file, lists, allow_pickle=False)

    def _path(self, name: str, space: str, k: int) -> Path:
        key = digest({**self._context, "representation": self._keys[name], "space": space, "k": k})
        return self.prepared.kept / "neighbours" / f"{key}{ENDING}"

    @cached_property
    def _keys(self) -> dict[str, str]:
        return {label(*name): key for name, key in contents(self.prepared, self.pairs.names).items()}

    @cached_property
    def _context(self) -> dict[str, Any]:
        from importlib.metadata import version

        from consilience.engine.passes.blocks import FEW_SAMPLES

        study, samples = self.prepared.study, self.pairs.samples
        return {
            "samples": samples.digest,
            "groups": study.groups,
            "seed": study.seed,
            "float64": len(samples.ids) <= FEW_SAMPLES or bool(wide(self.prepared, self.pairs.names)),
            "version": version("consilience"),
        }
