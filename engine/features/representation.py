"""A representation: one layer of one model on n samples, read by row numbers, wherever it is kept."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from consilience.engine.features.rdm import RdmSource
from consilience.engine.features.source import Source, given
from consilience.engine.features.table import FeatureTable
from consilience.engine.scores import label


@dataclass(frozen=True)
class Representation:
    """(n, d) features of one layer. `rows` maps a joined row number to the source's own (None: the same).

    Of inner products the first `positive` units count as they are, the others are subtracted (None: all count). An RDM
    has no units but one kernel column, d = 1: its `entries` take the place of inner products.
    """

    model: str
    layer: str
    n: int
    d: int
    dtype: np.dtype
    source: Source
    sample_ids: np.ndarray | None = None
    digest: str | None = None
    checked: bool = False
    rows: np.ndarray | None = None
    positive: int | None = None

    @property
    def name(self) -> str:
        return label(self.model, self.layer)

    @property
    def rdm(self) -> bool:
        """Whether these are the dissimilarities of the samples to each other, and not their features."""
        return isinstance(self.source, RdmSource)

    @property
    def at_hand(self) -> bool:
        """Whether a row costs no more than its bytes: it is not computed whenever it is read."""
        return bool(getattr(self.source, "at_hand", True))

    def entries(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Of an RDM: the dissimilarities of the rows (m,) to the columns, (c,) or those of each row (m, c); (m, c)."""
        assert isinstance(self.source, RdmSource)
        if self.rows is not None:
            rows, columns = self.rows[rows], self.rows[columns]
        return self.source.entries(rows, columns)

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The features of those rows, (len(rows), d), in `out` if given. Without it they may be a read-only view."""
        return self.source.take(rows if self.rows is None else self.rows[rows], out)

    def joined(self, rows: np.ndarray) -> "Representation":
        """The same features with only the rows of these numbers, in that order. The sample ids stay as they are."""
        if len(rows) == self.n and bool(np.array_equal(rows, np.arange(self.n))):
            return self
        return replace(self, n=len(rows), rows=rows if self.rows is None else self.rows[rows])


@dataclass(frozen=True)
class ArraySource:
    """A NumPy array (memory-mapped ones too), or a Dask array, of shape (n, d)."""

    array: Any

    @property
    def at_hand(self) -> bool:
        return isinstance(self.array, np.ndarray)

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        if out is None and len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
            return np.asarray(self.array[rows[0] : rows[-1] + 1])
        if isinstance(self.array, np.ndarray) and (out is None or out.dtype == self.array.dtype):
            # The row numbers are in range; with mode="raise" NumPy would go through a second buffer.
            return np.take(self.array, rows, axis=0, out=out, mode="clip")
        return given(np.asarray(self.array[rows]), out)


@dataclass(frozen=True)
class RepeatedSource:
    """An array (n, r, d) of r repeats of every sample; a row is their mean."""

    array: Any

    @property
    def at_hand(self) -> bool:
        return isinstance(self.array, np.ndarray)

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return given(np.asarray(self.array[rows]).mean(axis=1, dtype=np.float64), out)


@dataclass(frozen=True)
class TableSource:
    """A column of a feature table."""

    table: FeatureTable
    layer: str

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return self.table.take(self.layer, rows, out)
