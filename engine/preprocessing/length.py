"""Rows of length one: what remains of a sample is its direction."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from consilience.engine.preprocessing.registry import Facts, Step, register
from consilience.engine.preprocessing.rows import Rows


def _zeros(x: np.ndarray) -> int:
    return int((~x.any(axis=1)).sum())


@register("l2")
@dataclass(frozen=True)
class UnitLength(Step):
    """Rows of length one.

    x_i / ‖x_i‖; a row of zeros stays zero
    """

    zero_rows: int

    @classmethod
    def fit(cls, rows: Rows) -> Self:
        return cls(rows.fold(_zeros))

    def apply(self, x: np.ndarray) -> np.ndarray:
        x = x.astype(np.float64)
        largest = np.abs(x).max(axis=1, keepdims=True)
        x /= np.where(largest > 0, largest, 1.0)  # squares of 1e200 would overflow
        return x / np.where(largest > 0, np.linalg.norm(x, axis=1, keepdims=True), 1.0)

    @property
    def facts(self) -> Facts:
        return {"rows_of_zeros": self.zero_rows}
