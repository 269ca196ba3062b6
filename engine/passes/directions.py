"""How far apart the directions of samples are, over all pairs: sums on the tiles, per pair of groups of rows."""

from dataclasses import dataclass

import numpy as np
import torch

from consilience.engine.inference.subsets import Groups
from consilience.engine.passes.tile import Tile

RATE = -4.0  # exp(-2 ‖x̂ - ŷ‖²) = exp(-4 (1 - cos))


@dataclass
class DirectionState:
    """Sums over pairs of groups, (G, G, R), and the rows that are zero but for rounding in each group, (G, R)."""

    apart: np.ndarray
    zeros: np.ndarray


@dataclass(frozen=True)
class DirectionSums:
    """The statistic: Σ over i ≠ j of 1 - exp(-2 ‖x_i/‖x_i‖ - x_j/‖x_j‖‖²), of R representations over G groups.

    What differs from 1 is summed and not the exponential itself, which keeps the digits where all samples point nearly
    the same way.
    """

    groups: int
    representations: int
    space: str = "rdm-cosine"

    def empty(self) -> DirectionState:
        shape = self.groups, self.representations
        return DirectionState(np.zeros((self.groups, *shape)), np.zeros(shape))

    def chunk(self, state: DirectionState, tile: Tile) -> None:
        away = tile.space(self.space).clamp(min=0)  # 1 - cos
        if tile.diagonal:
            diagonal = torch.diagonal(away, dim1=1, dim2=2)
            # In this space a row without a direction has a cosine of 0 with everything, itself too.
            state.zeros[tile.group_i] += (diagonal > 0.5).sum(dim=1).double().cpu().numpy()
            diagonal.zero_()
        apart = -away.mul_(RATE).expm1_().sum(dim=(1, 2)).double().cpu().numpy()
        # A tile off the diagonal stands for its mirror image too.
        state.apart[tile.group_i, tile.group_j] += apart * (1 if tile.diagonal else 2)

    def combine(self, states: list[DirectionState]) -> DirectionState:
        return DirectionState(*(np.sum([getattr(s, k) for s in states], axis=0) for k in ("apart", "zeros")))

    def finalize(
        self, state: DirectionState, groups: Groups, masks: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The mean over pairs of rows with a direction, and how many rows those are, each (S, R); masks (S, G)."""
        inside = masks.astype(np.float64)
        apart = np.einsum("sg,sh,ghr->sr", inside, inside, state.apart)
        n = (inside @ groups.sizes)[:, None]
        directed = n - inside @ state.zeros
        pairs = directed * (directed - 1)
        apart += (n * (n - 1) - pairs) * np.expm1(RATE)  # pairs with a row without direction, taken away
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(pairs > 0, apart / pairs, np.nan), directed
