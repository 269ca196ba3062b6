"""Neighbour lists that an earlier comparison of the same samples found: only other representations are searched."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from consilience.engine.inference.subsets import Groups
from consilience.engine.passes.blocks import compute_dtype
from consilience.engine.passes.layout import layout
from consilience.engine.passes.neighbours import Neighbours
from consilience.engine.passes.second_order import second_order
from consilience.engine.scoring.setting import Setting


class Lists(Protocol):
    """Where lists are kept, by representation, space and k. Whoever makes one sees to it that it holds none of other
    samples, row groups, precision, or features of the same name."""

    def read(self, name: str, space: str, k: int) -> np.ndarray | None:
        """(scopes, n, width) pass rows, as in `Neighbours`: among all samples, and among those of the same half."""
        ...

    def write(self, name: str, space: str, k: int, lists: np.ndarray) -> None: ...


Known = Mapping[str, Mapping[int, np.ndarray]]  # space -> number of a representation -> its lists


def known(
    kept: Lists | None, names: Sequence[str], searches: Sequence[tuple[str, int]]
) -> tuple[Known, tuple[int, ...]]:
    """What is kept, and which representations have lists in all spaces."""
    if kept is None or not searches:
        return {}, ()
    found: dict[str, dict[int, np.ndarray]] = {space: {} for space, _ in searches}
    for space, k in searches:
        for number, name in enumerate(names):
            if (lists := kept.read(name, space, k)) is not None:
                found[space][number] = lists
    return found, tuple(sorted(set.intersection(*(set(of_space) for of_space in found.values()))))


def neighbours(searches: Sequence[tuple[str, int]], setting: Setting) -> dict[str, Neighbours]:
    """Those of all representations: as they are known, and the others' from a search among these alone."""
    count = len(setting.representations)
    new = [r for r in range(count) if r not in setting.known]
    found: dict[str, Neighbours] = {}
    if new:
        found = second_order(
            [setting.representations[r] for r in new], [setting.frames[r] for r in new], setting.groups,
            setting.subsets, layout(setting.groups, setting.plan.tile_rows), searches=dict(searches), null=False,
            strip_rows=setting.plan.strip_rows, device=setting.device, seed=setting.seed, run=setting.run,
            dtype=compute_dtype(setting.representations), budget=setting.plan.budget,
        ).neighbours  # fmt: skip
        keep(
            searches, found, replace(setting, representations=tuple(setting.representations[r] for r in new))
        )
    made = {}
    for space, _ in searches:
        old = setting.lists[space]
        rows = [_of(found[space], new.index(r)) if r in new else old[r] for r in range(count)]
        made[space] = _together(rows, setting.groups)
    return made


def keep(searches: Sequence[tuple[str, int]], found: Mapping[str, Neighbours], setting: Setting) -> None:
    """Write down the lists of the representations of `setting`."""
    if setting.kept is not None:
        for space, k in searches:
            for number, r in enumerate(setting.representations):
                setting.kept.write(r.name, space, k, _of(found[space], number))


def _of(found: Neighbours, number: int) -> np.ndarray:
    return np.stack([scope[number] for scope in found.scopes])


def _together(lists: Sequence[np.ndarray], groups: Groups) -> Neighbours:
    whole = np.stack([of_one[0] for of_one in lists])
    half = np.stack([of_one[1] for of_one in lists]) if len(lists[0]) > 1 else None
    return Neighbours(whole, half, groups, ())
