"""Similarities of every sample with the neighbours it has in any representation: small vectors that can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from consilience.engine.passes.near import of_rdm, similarities
from consilience.engine.passes.tiles import TilePass

FEW = 32  # a sample with more than a 32nd of all samples in its union is multiplied with all of them


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


def values_of(
    work: TilePass, space: str, wanted: Sequence[tuple[np.ndarray, np.ndarray]]
) -> list[torch.Tensor]:
    """Similarities of pass rows (m,) with pass rows (m, w), (m, R, w) in float64, for each of `wanted`.

    Cosines, or distances (``rdm-euclidean``).
    """
    order = work.groups.order
    found = [np.empty((len(own), len(work.representations), union.shape[1])) for own, union in wanted]
    rows, at = np.unique(np.concatenate([own for own, _ in wanted]), return_inverse=True)
    places = np.split(at, np.cumsum([len(own) for own, _ in wanted])[:-1])
    many = max(union.shape[1] for _, union in wanted) * FEW >= work.groups.n
    for r in range(len(work.representations)):
        whole = _with_all(work, space, r, order[rows]) if many else None
        for into, (own, union), place in zip(found, wanted, places):
            if whole is not None:
                into[:, r] = whole[place[:, None], union]
            else:
                values = similarities(work, space, r, order[own], order[union])
                into[:, r] = np.sqrt(-values) if space == "rdm-euclidean" else values
    return [torch.from_numpy(values) for values in found]


def _with_all(work: TilePass, space: str, r: int, own: np.ndarray) -> np.ndarray:
    """As `values_of`, with every pass row, (m, n)."""
    if work.representations[r].rdm:
        values = of_rdm(work, space, r, own, work.groups.order)
        return np.sqrt(-values) if space == "rdm-euclidean" else values
    x, y = (work.representations[r].take(rows).astype(np.float64) for rows in (own, work.groups.order))
    if space == "rdm-euclidean":
        from scipy.spatial.distance import cdist

        return cdist(x, y)
    lengths = np.multiply.outer(np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1))
    return x @ y.T / np.where(lengths > 0, lengths, np.inf)
