"""Which representations are layers of which models, and which blocks of a matrix of scores compare two models."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consilience.engine.features.representation import Representation


@dataclass(frozen=True)
class Block:
    """The layers `rows` of one model with the layers `columns` of another: representation numbers, and their scores.

    `back`: of the two models it is that of the rows whose samples are permuted, for the other one comes first.
    """

    rows: np.ndarray
    columns: np.ndarray
    back: bool

    def of(self, scores: np.ndarray, symmetric: bool) -> np.ndarray:
        """Those scores (…, rows, columns) of all (…, R, R); of a symmetric metric alike for both orders of models."""
        if symmetric and self.back:
            return scores[..., self.columns[:, None], self.rows].swapaxes(-1, -2)
        return scores[..., self.rows[:, None], self.columns]

    def pairs(self) -> set[tuple[int, int]]:
        """Every pair of layers, the one whose samples are permuted on the right."""
        found = {(i, j) for i in self.rows.tolist() for j in self.columns.tolist()}
        return {(j, i) for i, j in found} if self.back else found


@dataclass(frozen=True)
class Models:
    """The layers of every model on side a and on side b; `blocks` compare each of a with each other one of b."""

    a: dict[str, np.ndarray]
    b: dict[str, np.ndarray]
    blocks: dict[tuple[str, str], Block]

    def layer_pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of layers of all blocks, and every layer with itself."""
        itself = {(i, i) for side in (self.a, self.b) for layers in side.values() for i in layers.tolist()}
        return tuple(sorted(itself.union(*(block.pairs() for block in self.blocks.values()))))


def by_model(representations: Sequence[Representation], a: Sequence[int], b: Sequence[int]) -> Models:
    """The representations numbered `a` and `b`, grouped by the models they are layers of."""
    left, right = (
        {m: _layers(representations, side, m) for m in _names(representations, side)} for side in (a, b)
    )
    order = _names(representations, range(len(representations)))
    blocks = {
        (x, y): Block(left[x], right[y], order.index(x) > order.index(y))
        for x in left
        for y in right
        if x != y
    }
    return Models(left, right, blocks)


def _names(representations: Sequence[Representation], some: Sequence[int]) -> list[str]:
    return list(dict.fromkeys(representations[k].model for k in some))


def _layers(representations: Sequence[Representation], some: Sequence[int], model: str) -> np.ndarray:
    return np.array([k for k in some if representations[k].model == model])
