"""Sums over pairs of tiles of one space: the HSIC terms of all pairs of representations at once."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from consilience.engine.inference.subsets import Groups, Subsets
from consilience.engine.passes.crossed import products
from consilience.engine.passes.layout import Layout
from consilience.engine.passes.ranks_table import RankTable
from consilience.engine.passes.sums import Sums
from consilience.engine.passes.tile import Tile


@dataclass
class GramState:
    """Partial sums. Keys are blocks and groups, so that any subset of groups can be summed up afterwards."""

    cross: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)  # groups -> (R, R)
    rows: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)  # block, other group -> (R, m)
    diag: dict[int, np.ndarray] = field(default_factory=dict)  # block -> (R, m)
    rounding: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)  # groups -> (R,)


@dataclass(frozen=True)
class GramSums:
    """The statistic: `Sums` of the matrices of `space`; of ranks of its entries if `ranks` are given.

    With `lefts` only the pairs of these representations with any other are summed up, and each with itself.
    """

    space: str
    ranks: tuple[RankTable, ...] | None = None
    lefts: tuple[int, ...] | None = None

    def empty(self) -> GramState:
        return GramState()

    def chunk(self, state: GramState, tile: Tile) -> None:
        values = tile.padded if self.space == "linear" else tile.space(self.space)
        if self.ranks is not None:
            values = torch.stack([table(v) for table, v in zip(self.ranks, values)])
        if tile.diagonal:
            diagonal = torch.diagonal(values, dim1=1, dim2=2)
            before = diagonal.clone()
            _add(state.diag, tile.i, before.double().cpu().numpy() * (not self.space.startswith("rdm-")))
            diagonal.zero_()
        flat = values.reshape(len(values), -1)
        weight = 1 if tile.diagonal else 2  # a tile off the diagonal stands for its mirror image too
        cross = weight * products(flat, flat, self.lefts).double().cpu().numpy()
        _add(state.cross, (tile.group_i, tile.group_j), cross)
        _add(state.rows, (tile.i, tile.group_j), values.sum(dim=2).double().cpu().numpy())
        if self.ranks is None:
            size = weight * values[0].numel()
            _add(state.rounding, (tile.group_i, tile.group_j), size * tile.rounding(self.space))
        if tile.diagonal:
            diagonal.copy_(before)  # the tile is not this statistic's alone
        else:
            columns = values.sum(dim=1)[:, : tile.gram.shape[2]]
            _add(state.rows, (tile.j, tile.group_i), columns.double().cpu().numpy())

    def combine(self, states: list[GramState]) -> GramState:
        first, *others = states
        for other in others:
            for name in ("cross", "rows", "diag", "rounding"):
                into = getattr(first, name)
                for key, value in getattr(other, name).items():
                    _add(into, key, value)
        return first

    def finalize(self, state: GramState, groups: Groups, layout: Layout, subsets: Subsets) -> Sums:
        """The sums of every subset of groups."""
        masks = subsets.masks.astype(np.float64)
        count, representations = len(masks), next(iter(state.cross.values())).shape[0]
        shape = (count, representations, representations)
        cross, rows, diag, diag_rows = (np.zeros(shape) for _ in range(4))
        total, trace = np.zeros(shape[:2]), np.zeros(shape[:2])
        for (g, h), value in state.cross.items():
            cross += (masks[:, g] * masks[:, h])[:, None, None] * value
        for block in range(layout.count):
            d = state.diag[block]
            inside = masks[:, layout.group[block]]
            by_group = np.zeros((groups.count, *d.shape))
            for g in range(groups.count):
                if (block, g) in state.rows:
                    by_group[g] = state.rows[block, g]
            r = np.tensordot(masks * inside[:, None], by_group, axes=1)  # (S, R, m)
            of_rows, of_diag = torch.from_numpy(r), torch.from_numpy(d)
            rows += products(of_rows, of_rows, self.lefts).numpy()
            diag_rows += products(of_diag.expand_as(of_rows), of_rows, self.lefts).numpy()
            diag += inside[:, None, None] * products(of_diag, of_diag, self.lefts).numpy()
            total += r.sum(axis=2)
            trace += inside[:, None] * d.sum(axis=1)
        rounding = np.zeros(shape[:2])
        for (g, h), value in state.rounding.items():
            rounding += np.outer(masks[:, g] * masks[:, h], value)
        return Sums(masks @ groups.sizes, cross, rows, diag, diag_rows, total, trace, rounding=rounding)


def _add(into: dict[Any, np.ndarray], key: object, value: np.ndarray) -> None:
    if key in into:
        into[key] += value
    else:
        into[key] = value
