"""The nearest neighbours of every sample in every representation, found on the tiles of the same sweep.

A candidate is one 64-bit integer: the similarity's bits above, the complement of the row number below. So the largest
integers are the nearest neighbours, and ties go to the lower row number, in whatever order tiles come. Similarities are
compared in float32; see `near` for what that cannot tell apart.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy import stats

from consilience.engine.inference.subsets import Groups, Subsets
from consilience.engine.passes.layout import Layout
from consilience.engine.passes.tiles import Tile

LOW = 0xFFFFFFFF
NOTHING = np.iinfo(np.int64).min
WHOLE, HALF = 0, 1


def kept(k: int, n: int, left_out: float) -> int:
    """How many candidates leave k neighbours after a share `left_out` of the samples is removed at random.

    Fewer than k remain for one sample in 10 million; such a list is used as it is.
    """
    w = k
    while left_out and w < n - 1 and stats.binom.sf(w - k, w, left_out) > 1e-7:
        w += 1
    return min(w, n - 1)


@dataclass
class NeighbourState:
    """Best candidates so far: (scope, block) -> (R, m, <= width) keys, in no order."""

    best: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Nearest:
    """The statistic: `width` nearest neighbours among all samples, and among those of the sample's own half."""

    space: str
    width: int
    order: np.ndarray
    halves: bool
    groups: int

    def empty(self) -> NeighbourState:
        return NeighbourState()

    def chunk(self, state: NeighbourState, tile: Tile) -> None:
        values = tile.space(self.space)
        if self.space.startswith("rdm-"):
            # Copies of a sample are at distance 0: at none of the many values that rounding makes of it.
            scale = tile.rows_i.norm2[:, :, None] if self.space == "rdm-euclidean" else 1.0
            floor = 16 * torch.finfo(values.dtype).eps * scale
            values = values.neg().masked_fill_(values <= floor, 0.0)
        values = values.float() + 0.0  # no negative zero: its bits sort below
        self._one_way(state, tile, values, tile.i, tile.j)
        if not tile.diagonal:
            self._one_way(state, tile, values.transpose(1, 2), tile.j, tile.i)

    def _one_way(self, state: NeighbourState, tile: Tile, values: torch.Tensor, of: int, among: int) -> None:
        rows = torch.from_numpy(self.order[tile.layout.rows(among)]).to(values.device)
        keys = _keys(values, rows)
        if of == among:
            torch.diagonal(keys, dim1=1, dim2=2).fill_(NOTHING)
        new = _largest(keys, self.width)
        self._merge(state, (WHOLE, of), new)
        half = self.groups // 2
        if self.halves and (tile.group_i < half) == (tile.group_j < half):
            self._merge(state, (HALF, of), new)

    def _merge(self, state: NeighbourState, key: tuple[int, int], new: np.ndarray) -> None:
        if key in state.best:
            new = _largest(torch.from_numpy(np.concatenate([state.best[key], new], axis=2)), self.width)
        state.best[key] = new

    def combine(self, states: list[NeighbourState]) -> NeighbourState:
        first, *others = states
        for other in others:
            for key, value in other.best.items():
                self._merge(first, key, value)
        return first

    def finalize(self, state: NeighbourState, groups: Groups, layout: Layout) -> "Neighbours":
        """Lists of pass rows, nearest first."""
        position = np.empty(groups.n, np.int32)
        position[groups.order] = np.arange(groups.n, dtype=np.int32)
        scopes = [
            _lists(state, scope, layout, position, self.width) for scope in ([WHOLE, HALF][: 1 + self.halves])
        ]
        return Neighbours(scopes[0], scopes[1] if self.halves else None, groups)


@dataclass(frozen=True)
class Neighbours:
    """Neighbour lists (R, n, width) of pass rows, nearest first, -1 where there are no more.

    `whole` are among all samples, `half` among those of the same half. `inner` gives the inner products with them.
    """

    whole: np.ndarray
    half: np.ndarray | None
    groups: Groups
    inner: "Callable[[NeighbourLists], np.ndarray] | None" = None

    def lists(self, subsets: Subsets, subset: int, k: int) -> "NeighbourLists":
        """The k nearest neighbours of each row of that subset, within it."""
        inside = np.repeat(subsets.masks[subset], self.groups.sizes)
        found = self.within(subsets, subset, k, np.flatnonzero(inside))
        local = np.cumsum(inside) - 1
        return NeighbourLists(np.where(found >= 0, local[found], -1), np.flatnonzero(inside))

    def within(self, subsets: Subsets, subset: int, k: int, rows: np.ndarray) -> np.ndarray:
        """The k nearest of the pass rows `rows` within that subset, (R, len(rows), k) pass rows, -1 for none."""
        inside = np.repeat(subsets.masks[subset], self.groups.sizes)
        in_half = subsets.holdout is not None and (subset == subsets.select or subset >= subsets.holdout)
        candidates = self.half if in_half else self.whole
        assert candidates is not None
        found = candidates[:, rows]
        usable = inside[found] & (found >= 0)
        # A stable sort brings the usable ones to the front, still nearest first.
        front = np.argsort(~usable, axis=2, kind="stable")[:, :, :k]
        usable, found = (np.take_along_axis(m, front, 2) for m in (usable, found))
        return np.where(usable, found, -1)


@dataclass(frozen=True)
class NeighbourLists:
    """The k nearest of m samples in R representations.

    Attributes:
        lists: (R, m, k) numbers 0..m-1, nearest first, -1 where there are no more.
        rows: (m,) the pass rows that the samples are.
        values: (R, m, k) inner products with those neighbours, where they were asked for.
    """

    lists: np.ndarray
    rows: np.ndarray
    values: np.ndarray | None = None

    def permuted(self, order: np.ndarray) -> "NeighbourLists":
        """The lists when sample i is replaced by sample ``order[i]``."""
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        lists = self.lists[:, order]
        values = None if self.values is None else self.values[:, order]
        return NeighbourLists(np.where(lists >= 0, back[lists], -1), self.rows, values)


def _keys(values: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    bits = values.contiguous().view(torch.int32)
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # integers in the order of the floats, negative ones too
    return (ordered.long() << 32) | (LOW - rows)


def _largest(keys: torch.Tensor, width: int) -> np.ndarray:
    count = keys.shape[2]
    if count <= width:
        return keys.cpu().numpy()
    if keys.device.type != "cpu":
        return torch.topk(keys, width, dim=2, sorted=False).values.cpu().numpy()
    return np.partition(keys.numpy(), count - width, axis=2)[:, :, count - width :].copy()


def _lists(state: NeighbourState, scope: int, layout: Layout, position: np.ndarray, width: int) -> np.ndarray:
    blocks = [state.best[scope, b] for b in range(layout.count)]
    lists = np.full((blocks[0].shape[0], len(position), width), -1, np.int32)
    for b, keys in enumerate(blocks):
        ranked = np.sort(keys, axis=2)[:, :, ::-1]
        rows = (LOW - (ranked & LOW)).astype(np.int64)
        found = ranked != NOTHING
        lists[:, layout.rows(b), : keys.shape[2]] = np.where(found, position[np.where(found, rows, 0)], -1)
    return lists
