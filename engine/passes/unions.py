"""Similarities of every sample with the neighbours it has in any representation: small vectors that can be compared."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from consilience.engine.passes.near import similarities
from consilience.engine.passes.tiles import TilePass

FEW = 4  # a sample with more than a 4th of all samples in its union is multiplied with all of them


@dataclass(frozen=True)
class Side:
    """m samples of R representations: similarities (m, R, w) with the columns of the union, and which of them are
    neighbours (m, R, w), as 0 and 1."""

    values: torch.Tensor
    mask: torch.Tensor

    @cached_property
    def near(self) -> torch.Tensor:
        """The similarities with the neighbours, 0 elsewhere."""
        return self.values * self.mask


def union_of(lists: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The pass row behind every label of the samples `rows` (m,), (m, w); their own row where there is none."""
    union = np.repeat(rows[:, None], labels.max() + 1, axis=1)
    m = len(rows)
    np.put_along_axis(
        union, labels.reshape(m, -1), np.where(lists >= 0, lists, rows[:, None, None]).reshape(m, -1), 1
    )
    return union[:, 1:]


def values_of(work: TilePass, space: str, own: np.ndarray, union: np.ndarray) -> torch.Tensor:
    """Similarities of the pass rows `own` (m,) with the pass rows `union` (m, w), (m, R, w), in float64.

    Cosines, or distances (``rdm-euclidean``).
    """
    order = work.groups.order
    found = np.empty((len(own), len(work.representations), union.shape[1]))
    for r in range(len(work.representations)):
        if FEW * union.shape[1] < work.groups.n:
            values = similarities(work, space, r, order[own], order[union])
            found[:, r] = np.sqrt(-values) if space == "rdm-euclidean" else values
        else:
            found[:, r] = np.take_along_axis(_with_all(work, space, r, order[own]), union, 1)
    return torch.from_numpy(found)


def _with_all(work: TilePass, space: str, r: int, own: np.ndarray) -> np.ndarray:
    """As `values_of`, with every pass row, (m, n)."""
    x, y = (work.representations[r].take(rows).astype(np.float64) for rows in (own, work.groups.order))
    if space == "rdm-euclidean":
        from scipy.spatial.distance import cdist

        return cdist(x, y)
    lengths = np.multiply.outer(np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1))
    return x @ y.T / np.where(lengths > 0, lengths, np.inf)
