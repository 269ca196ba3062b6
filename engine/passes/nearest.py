"""The search for nearest neighbours, on the tiles of the shared sweep.

Similarities are compared in float32; see `near` for what that cannot tell apart. A tile is read once for each of its
two sides, and only what reaches the bound that earlier tiles set is looked at further.
"""

from dataclasses import dataclass, field

import numpy as np
import torch

from consilience.engine.inference.subsets import Groups
from consilience.engine.passes.keys import (
    NOTHING,
    decoded,
    encoded,
    largest,
    listed,
    reached_by,
    reaching,
    rectangular,
)
from consilience.engine.passes.layout import Layout
from consilience.engine.passes.neighbours import Neighbours, close
from consilience.engine.passes.tile import Tile

WHOLE, HALF = 0, 1


@dataclass
class NeighbourState:
    """Best candidates so far: (scope, block) -> (R, m, <= width) keys, in no order."""

    best: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)


class Bounds:
    """The similarity that a candidate must reach, by (scope, block): (R, m), what any task found so far.

    The tasks of one process share them; a copy sent to another starts without. It matters to speed only: a bound that
    was overwritten by a lower one lets more candidates through.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], np.ndarray] = {}

    def __reduce__(self) -> tuple[type["Bounds"], tuple[()]]:
        return Bounds, ()

    def get(self, key: tuple[int, int]) -> np.ndarray | None:
        return self._known.get(key)

    def lift(self, key: tuple[int, int], keys: np.ndarray) -> None:
        """The lowest of `keys` (R, m, width) is a bound; a little below it, for ties are decided by row number."""
        found = np.nextafter(decoded(keys.min(axis=2)), np.float32(-np.inf))
        known = self._known.get(key)
        self._known[key] = found if known is None else np.maximum(known, found)


@dataclass(frozen=True)
class Nearest:
    """The statistic: `width` nearest neighbours among all samples, and among those of the sample's own half."""

    space: str
    width: int
    order: np.ndarray
    halves: bool
    groups: int
    bounds: Bounds = field(default_factory=Bounds, compare=False)

    def empty(self) -> NeighbourState:
        return NeighbourState()

    def chunk(self, state: NeighbourState, tile: Tile) -> None:
        half = self.groups // 2
        same = self.halves and (tile.group_i < half) == (tile.group_j < half)
        self._one_way(state, tile, same, of=tile.i, among=tile.j)
        if not tile.diagonal:
            self._one_way(state, tile, same, of=tile.j, among=tile.i)

    def _one_way(self, state: NeighbourState, tile: Tile, same: bool, of: int, among: int) -> None:
        """Candidates of block `of` in block `among`, which are of the `same` half or not."""
        bound = self.bounds.get((HALF if same else WHOLE, of))
        new = self._better(tile, self._first(tile, of, among) if bound is None else bound, of, among)
        for key in [(WHOLE, of), (HALF, of)][: 1 + same]:
            self._merge(state, key, new)
            if state.best[key].shape[2] == self.width:
                self.bounds.lift(key, state.best[key])

    def _first(self, tile: Tile, of: int, among: int) -> np.ndarray:
        """A bound (R, m) that enough samples of the tile reach, where no earlier tile set one."""
        nearest = 1 if tile.unit or not self.space.startswith("rdm-") else -1
        axis = 2 if of == tile.i else 1
        wanted = self.width + (of == among)  # a sample is in its own tile
        found = reached_by(self._values(tile), wanted, axis, nearest)
        return np.nextafter(nearest * found, -np.inf, dtype=np.float32)

    def _better(self, tile: Tile, bound: np.ndarray, of: int, among: int) -> np.ndarray:
        """Those that reach the bound (R, m), (R, m, most of any sample) keys."""
        values = self._values(tile)
        limit = torch.from_numpy(bound).to(values.device).unsqueeze(2 if of == tile.i else 1)
        copies = self._copies(tile, values)
        if copies is None:
            r, i, j, found = reaching(values, limit)
        elif tile.unit:
            r, i, j, found = reaching(values, limit.clamp(max=copies))
        else:
            limit = torch.maximum(-limit, torch.as_tensor(copies, device=values.device))
            r, i, j, found = reaching(values, limit, below=True)
        if isinstance(copies, torch.Tensor):
            copies = copies[:, :, 0][torch.from_numpy(r), torch.from_numpy(i)]
        own, other = (i, j) if of == tile.i else (j, i)
        rows = torch.from_numpy(self.order[tile.layout.rows(among)][other]).to(values.device)
        keys = encoded(self._similar(tile, found, copies), rows).cpu().numpy()
        if of == among:
            keys[own == other] = NOTHING
        return rectangular(keys, r * bound.shape[1] + own, bound.shape)

    def similar(self, tile: Tile) -> torch.Tensor:
        """(R, m_i, m_j), larger is nearer, in float32."""
        values = self._values(tile)
        return self._similar(tile, values, self._copies(tile, values))

    def _values(self, tile: Tile) -> torch.Tensor:
        """Distances or similarities, as the space has it; of rows of length 1 the cosines instead of 1 less those."""
        return tile.gram if tile.unit else tile.space(self.space)

    def _copies(self, tile: Tile, values: torch.Tensor) -> "torch.Tensor | float | None":
        """The distance up to which a sample is a copy (0 in an RDM), or the cosine; None for similarities."""
        if not self.space.startswith("rdm-"):
            return None
        floor = 16 * torch.finfo(values.dtype).eps
        if tile.unit:
            return 1 - floor
        return tile.rows_i.norm2[:, :, None] * floor if self.space == "rdm-euclidean" else floor

    def _similar(
        self, tile: Tile, values: torch.Tensor, copies: "torch.Tensor | float | None"
    ) -> torch.Tensor:
        """Larger is nearer, in float32. Copies are at distance 0, whatever rounding makes of it."""
        if copies is not None and tile.unit:
            values = values.masked_fill(values >= copies, 1.0)
        elif copies is not None:
            values = values.neg().masked_fill_(values <= copies, 0.0)
        return values.float() + 0.0  # no negative zero: its bits sort below

    def _merge(self, state: NeighbourState, key: tuple[int, int], new: np.ndarray) -> None:
        if key in state.best:
            new = np.concatenate([state.best[key], new], axis=2)
        state.best[key] = largest(torch.from_numpy(new), self.width)

    def combine(self, states: list[NeighbourState]) -> NeighbourState:
        first, *others = states
        for other in others:
            for key, value in other.best.items():
                self._merge(first, key, value)
        return first

    def finalize(self, state: NeighbourState, groups: Groups, layout: Layout) -> "Neighbours":
        """Lists of pass rows, nearest first."""
        lists, near = zip(*(self._ranked(state, scope, groups, layout) for scope in self.scopes))
        return Neighbours(lists[WHOLE], lists[HALF] if self.halves else None, groups, near)

    @property
    def scopes(self) -> range:
        return range(1 + self.halves)

    def keys(self, state: NeighbourState, scope: int, blocks: range) -> np.ndarray:
        """What was found for the samples of those blocks, (R, m, width); nothing where there are no more."""
        found = [state.best[scope, b] for b in blocks]
        shape = found[0].shape[0], sum(keys.shape[1] for keys in found), self.width
        joined, start = np.full(shape, NOTHING), 0
        for keys in found:
            joined[:, start : start + keys.shape[1], : keys.shape[2]] = keys
            start += keys.shape[1]
        return joined

    def _ranked(
        self, state: NeighbourState, scope: int, groups: Groups, layout: Layout
    ) -> tuple[np.ndarray, np.ndarray]:
        """The lists (R, n, width) of one scope, and in which of them (R, n) two similarities are close."""
        parts = []
        for b in range(layout.count):
            lists, similar = listed(self.keys(state, scope, range(b, b + 1)), groups.position)
            parts.append((lists, close(similar)))
        lists, near = (np.concatenate(of_block, axis=1) for of_block in zip(*parts))
        return lists, near
