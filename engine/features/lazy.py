"""A table as Dask arrays and xarray Datasets; apart, for these imports take longer than opening a table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from consilience.engine.features.table import FeatureTable


class _Column:
    """What Dask slices: one layer of a table; pickles as the table's path and the layer's name."""

    def __init__(self, table: "FeatureTable", layer: str):
        info = table.layers[layer]
        self.table, self.layer = table, layer
        self.shape, self.dtype, self.ndim = (table.n, info.dim), np.dtype(info.dtype), 2

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        rows, units = key
        return self.table.take(self.layer, np.arange(*rows.indices(self.shape[0])))[:, units]

    def __dask_tokenize__(self) -> tuple[str, str, str]:
        return (str(self.table.path), self.table.digest, self.layer)


def dask_array(table: "FeatureTable", layer: str, chunk_bytes: int) -> da.Array:
    """See FeatureTable.array."""
    pieces = table.parts(layer)
    chunks = [0]
    for piece in pieces:
        if chunks[-1] and (chunks[-1] + len(piece)) * table.layers[layer].nbytes > chunk_bytes:
            chunks.append(0)
        chunks[-1] += len(piece)
    column = _Column(table, layer)
    return da.from_array(column, chunks=(tuple(chunks), column.shape[1]), asarray=False, meta=pieces[0][:0])


def dataset(table: "FeatureTable", layers: Sequence[str]) -> xr.Dataset:
    """See FeatureTable.dataset."""
    arrays = {layer: table.array(layer) for layer in layers}
    same = len({array.shape[1] for array in arrays.values()}) == 1
    return xr.Dataset(
        {layer: (("sample", "unit" if same else f"unit:{layer}"), array) for layer, array in arrays.items()},
        coords={"sample": table.sample_ids},
        attrs={"model": table.model, "stimuli": table.stimuli, "digest": table.digest},
    )
