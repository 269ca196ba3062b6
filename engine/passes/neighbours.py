"""The nearest neighbours of every sample in every representation, and those within any subset of the samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from consilience.engine.inference.subsets import Groups, Subsets

# Cosines nearer to each other than this may be in the wrong order: 32 times what float32 resolves.
CLOSE = 2.0**-18


def close(similar: np.ndarray) -> np.ndarray:
    """In which lists two of the cosines (..., width) in float32, falling, are close; -inf is that of no neighbour."""
    with np.errstate(invalid="ignore"):  # between two that are not there
        gaps = similar[..., :-1] - similar[..., 1:]
    found: np.ndarray = (gaps < CLOSE).any(axis=-1, where=np.isfinite(gaps))
    return found


def kept(k: int, n: int, left_out: float) -> int:
    """How many candidates leave k neighbours after a share `left_out` of the samples is removed at random.

    Fewer than k remain for one sample in 10 million; such a list is used as it is.
    """
    w = k
    while left_out and w < n - 1 and stats.binom.sf(w - k, w, left_out) > 1e-7:
        w += 1
    return min(w, n - 1)


def wanted(k: int, groups: Groups, subsets: Subsets) -> int:
    """How many neighbours of all samples leave k within each of the subsets."""
    left_out = (2 if subsets.holdout is not None else 1) / groups.count if subsets.leave_out.stop > 1 else 0.0
    return kept(k, groups.n, left_out)


@dataclass(frozen=True)
class Neighbours:
    """Neighbour lists (R, n, width) of pass rows, nearest first, -1 where there are no more.

    `whole` are among all samples, `half` among those of the same half. `close` says of each which lists
    (R, n) hold cosines that float32 may have put in the wrong order; `values` are the inner products with those
    neighbours (R, n, width), where they were asked for.
    """

    whole: np.ndarray
    half: np.ndarray | None
    groups: Groups
    close: tuple[np.ndarray, ...]
    values: tuple[np.ndarray, ...] = ()

    @property
    def scopes(self) -> list[np.ndarray]:
        """The lists there are: of all samples, and within halves."""
        return [self.whole] if self.half is None else [self.whole, self.half]

    def members(self, subsets: Subsets) -> list[tuple[int, list[int]]]:
        """In which of `scopes` to look for the neighbours within which subsets."""
        halves = [self._in_half(subsets, s) for s in range(subsets.count)]
        return [(half, [s for s, h in enumerate(halves) if h == half]) for half in sorted(set(halves))]

    @staticmethod
    def _in_half(subsets: Subsets, subset: int) -> bool:
        return subsets.holdout is not None and (subset == subsets.select or subset >= subsets.holdout)

    def lists(self, subsets: Subsets, subset: int, k: int) -> "NeighbourLists":
        """The k nearest neighbours of each row of that subset, within it."""
        inside = np.repeat(subsets.masks[subset], self.groups.sizes)
        rows = np.flatnonzero(inside)
        scope, first, found = self._within(subsets, subset, k, rows)
        local = np.append(np.cumsum(inside, dtype=np.int32) - 1, np.int32(-1))  # of -1, the last, -1
        values = _chosen(self.values[scope][:, rows], first, k) if self.values else None
        return NeighbourLists(local[found], rows, values)

    def within(self, subsets: Subsets, subset: int, k: int, rows: np.ndarray) -> np.ndarray:
        """The k nearest of the pass rows `rows` within that subset, (R, len(rows), k) pass rows, -1 for none."""
        return self._within(subsets, subset, k, rows)[2]

    def _within(
        self, subsets: Subsets, subset: int, k: int, rows: np.ndarray
    ) -> tuple[int, np.ndarray, np.ndarray]:
        """In which of `scopes` to look, which of its neighbours are the nearest within the subset, and those.

        Which is a mask where every row has k, and otherwise their places.
        """
        inside = np.repeat(subsets.masks[subset], self.groups.sizes)
        in_half = self._in_half(subsets, subset)
        found = self.scopes[in_half][:, rows]
        usable = inside[found] & (found >= 0)
        first = usable & (np.cumsum(usable, axis=2, dtype=np.int32) <= k)
        if np.count_nonzero(first) == first[:, :, 0].size * k:
            return int(in_half), first, _chosen(found, first, k)
        # Some have fewer. A stable sort brings the usable ones to the front, still nearest first.
        front = np.argsort(~usable, axis=2, kind="stable")[:, :, :k]
        usable, found = (np.take_along_axis(m, front, 2) for m in (usable, found))
        return int(in_half), front, np.where(usable, found, -1)


def _chosen(values: np.ndarray, which: np.ndarray, k: int) -> np.ndarray:
    """(R, m, k) of `values` (R, m, width), by a mask or by places."""
    if which.dtype == bool:
        return values[which].reshape(*which.shape[:2], k)
    return np.take_along_axis(values, which, 2)


def together(parts: Sequence[tuple[Sequence[int], Neighbours]], groups: Groups) -> Neighbours:
    """Those of all representations, from those of some of them, each with their numbers."""
    by = np.argsort(np.concatenate([numbers for numbers, _ in parts]))
    halves = [n.half for _, n in parts if n.half is not None]
    close = zip(*(n.close for _, n in parts))
    return Neighbours(
        np.concatenate([n.whole for _, n in parts])[by], np.concatenate(halves)[by] if halves else None, groups,
        tuple(np.concatenate(of_scope)[by] for of_scope in close),
    )  # fmt: skip


@dataclass(frozen=True)
class NeighbourLists:
    """The k nearest of m samples in R representations; the other side of a comparison may be of another number.

    Attributes:
        lists: (R, m, k) numbers 0..m-1, nearest first, -1 where there are no more.
        rows: (m,) the pass rows that the samples are.
        values: (R, m, k) inner products with those neighbours, where they were asked for.
    """

    lists: np.ndarray
    rows: np.ndarray
    values: np.ndarray | None = None

    def only(self, some: Sequence[int]) -> "NeighbourLists":
        """The lists in some of the representations."""
        at = list(some)
        return NeighbourLists(self.lists[at], self.rows, None if self.values is None else self.values[at])

    def permuted(self, order: np.ndarray) -> "NeighbourLists":
        """The lists when sample i is replaced by sample ``order[i]``."""
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        lists = self.lists[:, order]
        values = None if self.values is None else self.values[:, order]
        return NeighbourLists(np.where(lists >= 0, back[lists], -1), self.rows, values)
