"""A representation: one layer of one model on n samples, read by row numbers, wherever it is kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.rdm import RDM, RdmArray, RdmColumn, RdmSource
from consilience.engine.features.schema import RDM_KIND, LayerInfo
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


def representations(features: Mapping[str, Any] | Iterable[FeatureTable]) -> list[Representation]:
    """Every layer of every table, and every array, as representations.

    Args:
        features: feature tables, or a mapping from name to (n, d) array (NumPy, Dask, xarray, pandas, torch), `RDM` or
            feature table. A name "model/layer" is split; a table under a name contributes every layer under that model
            name. The first dimension's coordinates of xarray, and an index of texts of pandas, are the sample ids.

    Raises:
        BadInput: for anything else, for arrays that are no features, and for a name that comes twice.
    """
    if isinstance(features, FeatureTable):
        features = [features]
    items = features.items() if isinstance(features, Mapping) else [(_table(t).model, t) for t in features]
    found: list[Representation] = []
    for name, value in items:
        found += _from_table(name, value) if isinstance(value, FeatureTable) else [_from_value(name, value)]
    names = [r.name for r in found]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise BadInput("one representation a name", f"{', '.join(twice)} twice", "give each its own name")
    if not found:
        raise BadInput("at least one representation", "none", "name arrays or feature tables to compare")
    return found


def _table(value: Any) -> FeatureTable:
    if not isinstance(value, FeatureTable):
        raise BadInput(
            "feature tables, or a mapping from names to arrays", f"{type(value).__name__} without a name",
            'name it, as in {"mine": x}',
        )  # fmt: skip
    return value


def _from_table(model: str, table: FeatureTable) -> list[Representation]:
    for layer in table.layers:
        if table.manifest["layers"][layer].get("total_variance", 1.0) == 0.0:
            raise _constant(label(model, layer), table.n)
    return [_of_layer(model, layer, table, info) for layer, info in table.layers.items()]


def _of_layer(model: str, layer: str, table: FeatureTable, info: LayerInfo) -> Representation:
    if info.kind == RDM_KIND:
        source: Source = RdmColumn(table, layer)
        d, checked = 1, False  # whether its entries vary, off the diagonal, is not known
    else:
        source, d, checked = TableSource(table, layer), info.dim, True
    return Representation(
        model, layer, table.n, d, np.dtype(info.dtype), source, table.sample_ids, f"{table.digest}/{layer}", checked,
    )  # fmt: skip


def _from_value(name: str, value: Any) -> Representation:
    if not isinstance(value, RDM):
        return _from_array(name, value)
    model, _, layer = name.partition("/")
    return Representation(
        model, layer, len(value), 1, value.values.dtype, RdmArray(value.values), value.sample_ids
    )


def _from_array(name: str, value: Any) -> Representation:
    ids = None
    if hasattr(value, "dims"):  # an xarray DataArray; its first dimension holds the samples
        if value.dims[0] in value.coords:
            ids = np.asarray(value.coords[value.dims[0]].values).astype(str).astype(object)
        value = value.data
    elif hasattr(value, "iloc"):  # pandas
        if value.index.dtype.kind not in "iufb":
            ids = np.asarray(value.index.astype(str), object)
        value = value.to_numpy()
    elif hasattr(value, "detach"):  # a tensor of torch; NumPy has no bfloat16
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    elif value is None:
        raise BadInput(
            f"{name!r} as an array of shape (samples, units)", "None", "give the array, or leave it out"
        )
    if not hasattr(value, "shape"):
        value = np.asarray(value)
    repeated = value.ndim == 3 and value.shape[1] > 1
    if value.ndim != 2 and not repeated:
        raise BadInput(
            f"{name!r} as an array of shape (samples, units), or (samples, repeats, units) with two repeats or more",
            f"shape {tuple(value.shape)}",
            "pool or flatten the other axes first" if value.ndim > 2 else "use x[:, None] for a single unit",
        )  # fmt: skip
    dtype = np.dtype(value.dtype)
    if dtype.kind not in "fiub":
        raise BadInput(f"{name!r} as real numbers", f"dtype {dtype}", "convert it to float32 or float64")
    n, d = value.shape[0], value.shape[-1]
    if n == 0 or d == 0:
        raise BadInput(f"{name!r} with samples and units", f"shape {(n, d)}", "leave it out")
    model, _, layer = name.partition("/")
    dtype = dtype.newbyteorder("=") if dtype.kind == "f" else np.dtype(np.float64)
    return Representation(
        model, layer, n, d, dtype, RepeatedSource(value) if repeated else ArraySource(value), ids
    )


def check(representation: Representation, rows_at_once: int = 8192) -> Representation:
    """The representation, once every value of it is known to be finite and not all its rows are the same.

    Tables were checked when they were written; arrays are read once, in blocks.

    Raises:
        BadInput: naming the representation and the count, if a value is not finite or no unit varies.
    """
    if representation.checked:
        return representation
    if representation.rdm:
        return _checked_rdm(representation, rows_at_once=1024)
    first = representation.take(np.arange(1))
    bad_rows, varies = 0, False
    bad_units = np.zeros(representation.d, bool)
    for start in range(0, representation.n, rows_at_once):
        block = representation.take(np.arange(start, min(start + rows_at_once, representation.n)))
        with np.errstate(over="ignore", invalid="ignore"):
            suspect = not np.isfinite(block.sum(dtype=np.float32 if block.dtype == np.float16 else None))
        if suspect:  # a sum is quick; it may also overflow
            bad = ~np.isfinite(block)
            bad_rows += int(np.count_nonzero(bad.any(axis=1)))
            bad_units |= bad.any(axis=0)
        varies = varies or bool((block != first).any())
    if bad_rows:
        raise _not_finite(representation, bad_rows, bad_units)
    if not varies:
        raise _constant(representation.name, representation.n)
    return replace(representation, checked=True)


def _not_finite(of: Representation, rows: int, units: np.ndarray) -> BadInput:
    """Whichever is the smaller part is to be left out: the samples, or the units, such as a voxel outside the brain."""
    got, at = f"NaN or infinity in {rows} of {of.n} samples", np.flatnonzero(units)
    fix = "remove those samples, or import the features into a store, which rejects and lists them"
    if rows * of.d > len(at) * of.n:
        listed = ", ".join(map(str, at[:8])) + (", …" if len(at) > 8 else "")
        got += f", all of them in {len(at)} of {of.d} units (column {listed})"
        fix = "leave those columns out"
    return BadInput(f"finite features in {of.name!r}", got, fix)


def _checked_rdm(representation: Representation, rows_at_once: int) -> Representation:
    every = np.arange(representation.n)
    first = representation.entries(every[:1], every[1:2])
    for start in range(0, representation.n, rows_at_once):
        rows = every[start : start + rows_at_once]
        varies = representation.entries(rows, every) != first
        varies[rows - start, rows] = False
        if varies.any():
            return replace(representation, checked=True)
    raise BadInput(
        f"dissimilarities that vary in {representation.name!r}",
        f"the same between all {representation.n} samples",
        "leave this RDM out",
    )


def _constant(name: str, n: int) -> BadInput:
    return BadInput(
        f"features that vary in {name!r}",
        f"the same values in all {n} samples",
        "leave this representation out",
    )
