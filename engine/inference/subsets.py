"""Row groups, and the subsets of them on which every metric is evaluated from one pass.

Rows are dealt at random to G groups. A statistic kept per group (or per pair of groups) gives, without another look at
the data, the score of all rows, the G scores that leave one group out (the jackknife), the scores of two halves (to
choose a best pair on one and report it on the other), and the leave-one-out scores within the second half.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Groups:
    """`order` (n,) holds the row numbers so that group g is ``order[edges[g]:edges[g + 1]]``."""

    order: np.ndarray
    edges: np.ndarray

    @property
    def n(self) -> int:
        return len(self.order)

    @property
    def count(self) -> int:
        return len(self.edges) - 1

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self.edges)

    @cached_property
    def position(self) -> np.ndarray:
        """(n,): where in `order` every row number stands, of groups that hold all rows."""
        position = np.empty(self.n, np.int32)
        position[self.order] = np.arange(self.n, dtype=np.int32)
        return position

    def only(self, wanted: np.ndarray) -> "Groups":
        """The same groups with only the rows where `wanted` (n,) is true; a group may be left empty."""
        inside = wanted[self.order]
        return Groups(self.order[inside], np.concatenate([[0], np.cumsum(inside)])[self.edges])

    def merged(self, count: int) -> "Groups":
        """The same rows in `count` groups, each a union of neighbouring groups; `count` divides or is larger."""
        if count >= self.count:
            return self
        if self.count % count:
            raise ValueError(f"{self.count} groups cannot be merged into {count} equal ones")
        return Groups(self.order, self.edges[:: self.count // count])


def deal(n: int, count: int, seed: int, run: int | None = None) -> Groups:
    """Deal n rows to `count` groups (fewer when n is smaller) at random, by `seed`.

    Runs of consecutive rows stay together where n is large (run = n // 20,000, at most 1,024 rows), so that reading a
    group touches the disk in long strides; a group still consists of about a thousand runs from everywhere. Where rows
    of a group are compared with each other, `run` must be 1. Inside a group rows ascend.
    """
    run = run or int(np.clip(n // 20_000, 1, 1024))
    starts = np.random.default_rng(seed).permutation(np.arange(0, n, run))
    order = (starts[:, None] + np.arange(run)).ravel()
    order = order[order < n].astype(np.int64)
    count = max(1, min(count, n))
    edges = np.linspace(0, n, count + 1).round().astype(np.int64)
    for start, stop in pairwise(edges):
        order[start:stop].sort()
    return Groups(order, edges)


@dataclass(frozen=True)
class Subsets:
    """Which groups take part in each evaluation, (subsets, groups) of bool, and which evaluation is which."""

    masks: np.ndarray
    full: int
    leave_out: slice
    select: int | None
    holdout: int | None
    holdout_leave_out: slice

    @property
    def count(self) -> int:
        return len(self.masks)

    @property
    def tested(self) -> tuple[int, ...]:
        """Those that are held against the null: all rows, and the holdout half."""
        return (self.full,) if self.holdout is None else (self.full, self.holdout)


def subsets(groups: int, *, se: bool = True, halves: bool = True) -> Subsets:
    """The evaluations wanted over `groups` row groups: all rows first, then what `se` and `halves` ask for."""
    masks = [np.ones(groups, bool)]
    if se and groups > 1:
        masks += [np.arange(groups) != g for g in range(groups)]
    leave_out = slice(1, len(masks))
    if not halves or groups < 2:
        return Subsets(np.array(masks), 0, leave_out, None, None, slice(0, 0))
    half = groups // 2
    select, holdout = len(masks), len(masks) + 1
    masks += [np.arange(groups) < half, np.arange(groups) >= half]
    start = len(masks)
    if se and groups - half > 1:
        masks += [masks[holdout] & (np.arange(groups) != g) for g in range(half, groups)]
    return Subsets(np.array(masks), 0, leave_out, select, holdout, slice(start, len(masks)))
