"""A tile of the tile pass, and what is made of tiles."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from consilience.engine.passes.blocks import Block
from consilience.engine.passes.layout import Layout
from consilience.engine.passes.spaces import BY_ANGLE, COSINE, ERRORS, rounding, transform


@dataclass
class Tile:
    """Block i against block j: pass rows, groups, the Gram tile, and every other space of it.

    `padded` (R, m_i, at least m_j) holds the Gram tile and zeros to its right, which no sum notices. `unit`: whether
    the rows have length 1 about their true origin, so that it holds cosines.
    """

    i: int
    j: int
    layout: Layout
    padded: torch.Tensor
    rows_i: Block
    rows_j: Block
    origin2: torch.Tensor
    width: torch.Tensor
    median: torch.Tensor
    rdms: torch.Tensor
    unit: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        self._spaces: dict[str, torch.Tensor] = {}

    @property
    def diagonal(self) -> bool:
        return self.i == self.j

    @property
    def group_i(self) -> int:
        return int(self.layout.group[self.i])

    @property
    def group_j(self) -> int:
        return int(self.layout.group[self.j])

    @property
    def gram(self) -> torch.Tensor:
        """(R, m_i, m_j): k_ij = x_i'x_j of the rows in their frames; of an RDM -d_ij / 2."""
        return self.padded[:, :, : len(self.rows_j.x[0])]

    def space(self, name: str) -> torch.Tensor:
        """The tile of that space, made once. A statistic leaves it as it was."""
        if self.unit:
            return self._spaces.setdefault(name, 1 - self.gram) if name == COSINE else self.gram
        if name not in self._spaces:
            self._spaces[name] = transform(
                name, self.gram, self.rows_i, self.rows_j, self.origin2, self.width, self.median, self.rdms
            )
        return self._spaces[name]

    def rounding(self, name: str) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Of the entries of that space, those of its rows (R, m_i) and of its columns (R, m_j), which add up: see
        `spaces.rounding`. 0 in RDMs that are given; None where entries that are 0 come out as 0."""
        if name not in BY_ANGLE:
            return None
        if self.unit:
            least = ERRORS * torch.finfo(self.gram.dtype).eps
            return self.gram.new_full(self.gram.shape[:2], least), self.gram.new_full(
                self.gram.shape[::2], least
            )
        i, j = (rounding(name, rows, self.origin2, self.width) for rows in (self.rows_i, self.rows_j))
        return i.masked_fill_(self.rdms[:, None], 0), j.masked_fill_(self.rdms[:, None], 0)


class Statistic(Protocol):
    """A reduction over tiles: a value with chunk, combine and finalize. Its states are plain, picklable values."""

    @property
    def space(self) -> str: ...

    def empty(self) -> Any: ...

    def chunk(self, state: Any, tile: Tile) -> None: ...

    def combine(self, states: list[Any]) -> Any: ...
