"""A tile of the tile pass, and what is made of tiles."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
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

    def rounding(self, name: str) -> np.ndarray:
        """(R,): the mean square of what the entries of that space may be of rounding alone. 0 where what is 0 comes out
        as 0, as in RDMs that are given."""
        if name not in BY_ANGLE:
            return np.zeros(len(self.rdms))
        if self.unit:
            found = self.gram.new_full(
                self.rdms.shape, 2 * ERRORS * torch.finfo(self.gram.dtype).eps
            ).square()
        else:
            i, j = (
                rounding(name, rows, self.origin2, self.width).double() for rows in (self.rows_i, self.rows_j)
            )
            # Mean over a, b of (i_a + j_b)².
            found = i.square().mean(dim=1) + j.square().mean(dim=1) + 2 * i.mean(dim=1) * j.mean(dim=1)
        return found.masked_fill_(self.rdms.to(found.device), 0).double().cpu().numpy()


class Statistic(Protocol):
    """A reduction over tiles: a value with chunk, combine and finalize. Its states are plain, picklable values."""

    @property
    def space(self) -> str: ...

    def empty(self) -> Any: ...

    def chunk(self, state: Any, tile: Tile) -> None: ...

    def combine(self, states: list[Any]) -> Any: ...
