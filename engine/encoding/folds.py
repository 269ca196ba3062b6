"""Folds of rows that are held out together. A group (a run, a story) is not split, so nothing leaks through it; and a
gap keeps rows of two folds apart that follow each other in time, for neighbouring rows of a slow signal are alike. Only
where there are fewer groups than folds, and a gap, are groups cut."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from consilience.engine.encoding.checks import LEAST_FOLDS
from consilience.engine.errors import BadInput
from consilience.engine.features.join import Joined
from consilience.engine.features.labels import labels_of
from consilience.engine.inference.subsets import Groups


@dataclass(frozen=True)
class Folds:
    """`rows`: the rows fold by fold, in their order inside each, without those of a gap. `group` (n,): the number of
    each row's group.

    Without groups of their own the rows of a fold are one group: what may be shifted against each other. Where groups
    were cut their pieces are, and `run` (n,) is the number of the whole group of each row.
    """

    rows: Groups
    group: np.ndarray
    groups: int
    run: np.ndarray | None = None

    @property
    def count(self) -> int:
        return self.rows.count

    @property
    def whole(self) -> int:
        """The number of groups, uncut."""
        return self.groups if self.run is None else int(self.run.max()) + 1


def folds_of(joined: Joined, folds: int, groups: Any = None, gap: int = 0) -> Folds:
    """Deal n rows to `folds` folds.

    Without `groups`, runs of consecutive rows as equal as can be, as scikit-learn's KFold deals them. With groups,
    runs of consecutive groups in the order in which they first appear, as equal in number as can be: as many folds as
    groups leave one group out each time. Fewer groups than folds are cut into as many pieces, the longest first, where
    there is a `gap` for `apart` to leave between them.

    Args:
        groups: the group of every sample, see `labels_of`.

    Raises:
        BadInput: for more folds than samples or groups, and groups that do not fit the samples.
    """
    if groups is None:
        return _contiguous(joined.n, folds)
    labels = labels_of(groups, joined)
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    group = np.argsort(np.argsort(first))[number]  # numbered by first appearance
    count = len(first)
    if count < folds and gap:
        return _cut(group, folds)
    if count < folds:
        fewer = f"use folds={count}, or " if count >= LEAST_FOLDS else ""
        raise BadInput(
            f"at least {folds} groups for {folds} folds", f"{count}",
            f"{fewer}give a gap, as long as the response: groups are then cut, with the gap between the pieces",
        )  # fmt: skip
    fold = np.empty(count, np.int64)
    for f, some in enumerate(np.array_split(np.arange(count), folds)):
        fold[some] = f
    order = np.argsort(fold[group], kind="stable")
    sizes = np.bincount(fold[group], minlength=folds)
    return Folds(Groups(order, np.concatenate([[0], np.cumsum(sizes)])), group, count)


def _cut(group: np.ndarray, folds: int) -> Folds:
    """Every group in pieces of consecutive rows, as equal as can be, a fold each."""
    sizes = np.bincount(group)
    share = np.ones(len(sizes), np.int64)
    while share.sum() < folds:
        share[np.argmax(sizes / share)] += 1
    pieces = [x for g, many in enumerate(share) for x in np.array_split(np.flatnonzero(group == g), many)]
    piece = np.empty(len(group), np.int64)
    for number, rows in enumerate(pieces):
        piece[rows] = number
    edges = np.cumsum([0, *map(len, pieces)])
    return Folds(Groups(np.concatenate(pieces), edges), piece, folds, group)


def _contiguous(n: int, folds: int) -> Folds:
    if n < 2 * folds:
        raise BadInput(
            f"at least two samples in each of {folds} folds",
            f"{n} samples",
            "use fewer folds or more samples",
        )
    edges = np.array([0, *np.cumsum([len(some) for some in np.array_split(np.arange(n), folds)])])
    return Folds(Groups(np.arange(n), edges), np.repeat(np.arange(folds), np.diff(edges)), folds)


def apart(folds: Folds, gap: int) -> Folds:
    """The same folds without the `gap` rows about every border of two of them that follow each other: the last
    ⌈gap / 2⌉ of the one and the first ⌊gap / 2⌋ of the other, in no fold from then on. Every row that is fitted on is
    so more than `gap` rows from every row that is held out, in the inner folds too.

    Raises:
        BadInput: where a fold would keep fewer than two rows, and where rows of a group do not follow each other.
    """
    if not gap:
        return folds
    time_order(folds, "a gap")
    fold = np.empty(folds.rows.n, np.int64)
    fold[folds.rows.order] = np.repeat(np.arange(folds.count), folds.rows.sizes)
    kept = np.ones(len(fold), bool)
    for border in np.flatnonzero(np.diff(fold)) + 1:
        kept[max(0, border - (gap + 1) // 2) : border + gap // 2] = False
    rows = folds.rows.only(kept)
    if rows.sizes.min() < 2:
        raise BadInput(
            f"a gap that leaves two samples or more of each of {folds.count} folds",
            f"gap={gap}, and a fold of {folds.rows.sizes[rows.sizes.argmin()]} samples",
            "use a smaller gap, or fewer folds",
        )
    return replace(folds, rows=rows)


def time_order(folds: Folds, what: str = "delays and for the null") -> list[tuple[int, int]]:
    """First and last + 1 row of every group, for what looks at rows before a row.

    Raises:
        BadInput: where the rows of a group do not follow each other.
    """
    edges = np.flatnonzero(np.diff(folds.group, prepend=-1, append=-1))
    if len(edges) - 1 > folds.groups:
        raise BadInput(
            f"groups whose samples follow each other, for {what}",
            f"{folds.groups} groups in {len(edges) - 1} stretches", "put the samples in the order of time",
        )  # fmt: skip
    return [(int(a), int(b)) for a, b in pairwise(edges)]


def run_order(folds: Folds) -> list[tuple[int, int]]:
    """The same of whole groups, where they were cut too."""
    if folds.run is None:
        return time_order(folds)
    return time_order(replace(folds, group=folds.run, groups=folds.whole))
