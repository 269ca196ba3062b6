"""Folds of rows that are held out together. A group (a run, a story) is never split, so nothing leaks through it; and a
gap keeps rows of two folds apart that follow each other in time, for neighbouring rows of a slow signal are alike."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.join import Joined
from consilience.engine.features.labels import labels_of
from consilience.engine.inference.subsets import Groups


@dataclass(frozen=True)
class Folds:
    """`rows`: the rows fold by fold, in their order inside each, without those of a gap. `group` (n,): the number of
    each row's group.

    Without groups of their own the rows of a fold are one group: what may be shifted against each other.
    """

    rows: Groups
    group: np.ndarray
    groups: int

    @property
    def count(self) -> int:
        return self.rows.count


def folds_of(joined: Joined, folds: int, groups: Any = None) -> Folds:
    """Deal n rows to `folds` folds.

    Without `groups`, runs of consecutive rows as equal as can be, as scikit-learn's KFold deals them. With groups,
    runs of consecutive groups in the order in which they first appear, as equal in number as can be: as many folds as
    groups leave one group out each time.

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
    if count < folds:
        raise BadInput(
            f"at least {folds} groups for {folds} folds", f"{count}", f"use folds={count}, or groups that are finer"
        )  # fmt: skip
    fold = np.empty(count, np.int64)
    for f, some in enumerate(np.array_split(np.arange(count), folds)):
        fold[some] = f
    order = np.argsort(fold[group], kind="stable")
    sizes = np.bincount(fold[group], minlength=folds)
    return Folds(Groups(order, np.concatenate([[0], np.cumsum(sizes)])), group, count)


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
