"""Scores of pairs while samples are permuted, where the rows of a few representations fit in memory.

What a metric makes of Xc'Yc begins with a map on either side: A'Xc'Yc B. With the samples of Y in other orders that is
(Xc A)'(Yc B), the rows of Yc B reordered. So each representation is mapped once, and an order takes one product of
what comes out, in the dtype of the features: what the map magnifies it has magnified before, in float64.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from consilience.engine.costs.moments import row_bytes
from consilience.engine.linalg import product
from consilience.engine.metrics.linear import Cross
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.blocks import TORCH_DTYPE, centred
from consilience.engine.passes.moments import MomentPass
from consilience.engine.scoring.spectral import Factors, Found, finished


class Rows:
    """The rows of one representation, centred, and what maps make of them; also with the samples in one other order."""

    def __init__(self, x: torch.Tensor, dtype: np.dtype[Any]):
        """`x` (n, d) in float64, which is centred in place; `dtype` that of what is mapped."""
        self._x, self._dtype = x.sub_(x.mean(dim=0)), TORCH_DTYPE[dtype]
        self._mapped: dict[int, tuple[Any, torch.Tensor]] = {}
        self._reordered: dict[int, torch.Tensor] = {}
        self._order = torch.empty(0)

    def reorder(self, order: torch.Tensor) -> None:
        """The order of `reordered` from now on."""
        self._order, self._reordered = order, {}

    def times(self, weights: np.ndarray | None) -> torch.Tensor:
        """Xc W, of W (d, r); None: Xc."""
        key = id(weights)
        if key not in self._mapped:
            x = self._x if weights is None else product(self._x, torch.tensor(weights, device=self._x.device))
            self._mapped[key] = weights, x.to(self._dtype)  # the weights too, so that their id stays theirs
        return self._mapped[key][1]

    def reordered(self, weights: np.ndarray | None) -> torch.Tensor:
        """The rows of `times` in the other order."""
        key = id(weights)
        if key not in self._reordered:
            self._reordered[key] = self.times(weights).index_select(0, self._order)
        return self._reordered[key]


@dataclass(frozen=True)
class CrossOfRows(Cross):
    """From what maps make of the rows of either side."""

    left: Callable[[np.ndarray | None], torch.Tensor]
    right: Callable[[np.ndarray | None], torch.Tensor]
    precise, test = False, None

    @cached_property
    def matrix(self) -> np.ndarray:  # type: ignore[override]
        return self.between(None, None)

    @property
    def transposed(self) -> Cross:
        return CrossOfRows(self.right, self.left)

    def between(self, left: np.ndarray | None, right: np.ndarray | None) -> np.ndarray:
        return product(self.left(left).T, self.right(right)).to(torch.float64).cpu().numpy()


def fit(work: MomentPass, requests: int, budget: float) -> bool:
    """Whether the rows of the pairs of one task, and what that many requests make of them, fit `budget`."""
    units = sum(work.representations[k].d for k in work.lefts)
    return row_bytes(work.groups.n, units, requests) <= budget


def from_rows(
    requests: Sequence[Request],
    factors: Factors,
    dtype: np.dtype[Any],
    orders: Mapping[int, np.ndarray],
    work: MomentPass,
) -> Found:
    """The scores of the pairs of `work` with the right side's rows in each of those numbered orders."""
    if work.device == "cpu":
        torch.set_num_threads(1)  # the tasks are the threads
    rows = {k: _rows(work, k, dtype) for k in work.lefts}
    found: Found = {}
    for draw, order in orders.items():
        for b in work.rights:
            rows[b].reorder(torch.from_numpy(order).to(work.device))
        for a, b in work.pairs:
            cross = CrossOfRows(rows[a].times, rows[b].reordered)
            scores = finished(requests, factors[a, 0], factors[b, 0], cross, cross.transposed)
            found[a, b, draw] = np.array(scores)[:, None]
    return found


def _rows(work: MomentPass, k: int, dtype: np.dtype[Any]) -> Rows:
    x = centred(work.representations[k], work.frames[k], work.groups.order, work.dtype, work.device)
    return Rows(x, dtype)
