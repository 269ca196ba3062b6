"""Outliers clipped at a quantile of the absolute values, found without holding or sorting them all."""

from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import ClassVar, Self

import numpy as np

from consilience.engine.parameters import Choice, Number
from consilience.engine.preprocessing.registry import Cost, Facts, Step, register
from consilience.engine.preprocessing.rows import Rows

DIGIT = 16  # bits of a value that one pass tells apart


def mean_quantile(rows: Rows, share: float) -> float:
    """Mean over rows of the `share` quantile of |x| within the row, linear between the two nearest values."""
    return float(rows.fold(partial(_row_quantiles, share=share)) / rows.n)


def _row_quantiles(x: np.ndarray, share: float) -> float:
    return float(np.quantile(np.abs(x.astype(np.float64)), share, axis=1).sum())


def exact_quantile(rows: Rows, share: float) -> float:
    """The smallest of all |x| that at least `share` of them do not exceed; ``inverted_cdf`` of `np.quantile`.

    The bits of non-negative floats, read as whole numbers, are in the order of the floats. So the digits of the
    quantile, base 65,536, come one a pass, from a histogram of the values that share the digits known by then: two
    passes for float32, four for float64.
    """
    bits = rows.dtype.itemsize * 8
    rank = max(0, ceil(rows.n * rows.d * share - 1))  # from 0; the arithmetic of NumPy
    known = 0
    for shift in range(bits - DIGIT, -1, -DIGIT):
        counts = np.cumsum(rows.fold(partial(_histogram, known=known, shift=shift, bits=bits)))
        digit = int(np.searchsorted(counts, rank, side="right"))
        rank -= int(counts[digit - 1]) if digit else 0
        known = known << DIGIT | digit
    return float(np.array(known, f"u{bits // 8}").view(rows.dtype))


def _histogram(x: np.ndarray, known: int, shift: int, bits: int) -> np.ndarray:
    """How often each digit at `shift` occurs among the |x| whose digits above are `known`, (65,536,)."""
    values = np.abs(x).view(f"u{bits // 8}").ravel()
    if shift + DIGIT < bits:
        values = values[values >> (shift + DIGIT) == known]
    return np.bincount((values >> shift & (1 << DIGIT) - 1).astype(np.intp), minlength=1 << DIGIT)


@register("clip")
@dataclass(frozen=True)
class Clip(Step):
    """Outliers clipped.

    min(max(x, -q), q); q = the quantile at the share of |x| within each sample, averaged over samples (mean), or of all
    |x| together (exact)
    """

    parameters: ClassVar = {"quantile": Choice(("mean", "exact")), "share": Number(0.95, 1e-6, 1.0)}
    source: ClassVar = "Huh et al. 2024"

    q: float

    @classmethod
    def fit(cls, rows: Rows, *, quantile: str, share: float) -> Self:
        return cls((mean_quantile if quantile == "mean" else exact_quantile)(rows, share))

    def apply(self, x: np.ndarray) -> np.ndarray:
        return np.clip(x, -self.q, self.q)

    @property
    def facts(self) -> Facts:
        return {"q": self.q}

    @classmethod
    def cost(cls, n: int, d: int, itemsize: int, threads: int, *, quantile: str, share: float) -> Cost:
        return Cost(1 if quantile == "mean" else itemsize * 8 // DIGIT)
