"""Folds of rows that are held out together. A group (a run, a story) is never split, so nothing leaks through it."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.join import Joined
from consilience.engine.features.labels import labels_of
from consilience.engine.inference.subsets import Groups


@dataclass(frozen=True)
class Folds:
    """`rows`: the rows fold by fold, in their order inside each. `group` (n,): the number of each row's group.

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


def time_order(folds: Folds) -> list[tuple[int, int]]:
    """First and last + 1 row of every group, for what looks at rows before a row.

    Raises:
        BadInput: where the rows of a group do not follow each other.
    """
    edges = np.flatnonzero(np.diff(folds.group, prepend=-1, append=-1))
    if len(edges) - 1 > folds.groups:
        raise BadInput(
            "groups whose samples follow each other, for delays and for the null",
            f"{folds.groups} groups in {len(edges) - 1} stretches", "put the samples in the order of time",
        )  # fmt: skip
    return [(int(a), int(b)) for a, b in pairwise(edges)]
