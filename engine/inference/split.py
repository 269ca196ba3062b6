"""Samples set aside: what is fitted on some rows is scored on others."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from consilience.engine.inference.subsets import Groups, Subsets, deal, subsets
from consilience.engine.passes.sample import sample_rows


@dataclass(frozen=True)
class Split:
    """Row numbers in two halves, each ascending: maps are fitted on `train`, and scored on `held`.

    It depends on the number of rows and the seed alone: a score is the same with and without its error.
    """

    train: np.ndarray
    held: np.ndarray
    seed: int

    def anchors(self, most: int) -> np.ndarray:
        """At most so many train rows, ascending, drawn by the seed."""
        return self.train[sample_rows(len(self.train), most, self.seed)]

    def gallery(self, most: int) -> np.ndarray:
        """At most so many held-out rows, ascending, drawn by the seed."""
        return self.held[sample_rows(len(self.held), most, self.seed)]


def split(n: int, seed: int) -> Split:
    """Half of n rows to fit on, half to score on, dealt at random by `seed`."""
    halves = deal(n, 2, seed)
    train, held = np.split(halves.order, halves.edges[1:2])
    return Split(train, held, seed)


@dataclass(frozen=True)
class Held:
    """Held-out samples that are scored: row numbers (m,), ascending, the group (m,) of each, and subsets of groups."""

    rows: np.ndarray
    group: np.ndarray
    subsets: Subsets

    @cached_property
    def inside(self) -> np.ndarray:
        """(S, m): which samples take part in each evaluation."""
        return self.subsets.masks[:, self.group]

    @property
    def sizes(self) -> np.ndarray:
        """(G,)."""
        return np.bincount(self.group, minlength=self.subsets.masks.shape[1])

    def means(self, values: np.ndarray) -> np.ndarray:
        """Means of one value a sample (m,) on every subset (S,)."""
        masks = self.subsets.masks
        return masks @ np.bincount(self.group, values, masks.shape[1]) / (masks @ self.sizes)

    def only_tested(self) -> "Held":
        """The same samples with those subsets alone that are held against the null."""
        masks = self.subsets.masks[list(self.subsets.tested)]
        holdout = 1 if len(masks) > 1 else None
        none = slice(len(masks), len(masks))
        return Held(self.rows, self.group, Subsets(masks, 0, none, None, holdout, none))


def held_out(rows: np.ndarray, groups: int, seed: int, *, se: bool) -> Held:
    """Those rows, dealt to `groups` groups by `seed`, and the subsets that `se` asks for."""
    dealt = deal(len(rows), groups, seed)
    group = np.empty(len(rows), np.int64)
    group[dealt.order] = np.repeat(np.arange(dealt.count), dealt.sizes)
    return Held(rows, group, subsets(dealt.count, se=se))


def folded(n: int, folds: int, groups: int, seed: int) -> Groups:
    """n rows dealt to folds, and the rows of each fold to as many groups: group f G + g is group g of fold f.

    The folds depend on n and the seed alone. There are fewer groups where a fold has fewer rows.
    """
    outer = deal(n, folds, seed)
    groups = min(groups, n // folds)
    order, sizes = [], []
    for rows in np.split(outer.order, outer.edges[1:-1]):
        inner = deal(len(rows), groups, seed)
        order.append(rows[inner.order])
        sizes.append(inner.sizes)
    return Groups(np.concatenate(order), np.concatenate([[0], np.cumsum(sizes)]))
