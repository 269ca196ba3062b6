"""Representations from what a user gives: feature tables, RDMs, and arrays of every library."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.finite import constant
from consilience.engine.features.rdm import RDM, RdmArray, RdmColumn
from consilience.engine.features.representation import (
    ArraySource,
    RepeatedSource,
    Representation,
    TableSource,
)
from consilience.engine.features.schema import RDM_KIND, LayerInfo
from consilience.engine.features.source import Source
from consilience.engine.features.table import FeatureTable
from consilience.engine.scores import label


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
            raise constant(label(model, layer), table.n)
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
