"""A user's own arrays as a table: checked as a whole, then written in parts by a few threads."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from consilience.engine.errors import BadInput
from consilience.engine.features import manifest as manifests
from consilience.engine.features.schema import LayerInfo, as_features, as_ids, digest, layer_infos
from consilience.engine.features.table import FeatureTable
from consilience.engine.features.writer import TableWriter

PART_BYTES = 128 << 20
_WRITERS = 4


def row_bytes(layers: Mapping[str, LayerInfo]) -> int:
    """Bytes of one row of all layers."""
    return sum(info.nbytes for info in layers.values())


def checked_arrays(
    sample_ids: Iterable[Any], layers: Mapping[str, Any]
) -> tuple[list[str], dict[str, Any], dict[str, LayerInfo]]:
    """Ids, arrays and layer infos of a user's features, refused here if they do not fit together."""
    ids = as_ids(sample_ids)
    if not ids:
        raise BadInput("at least one sample", "none", "give one sample id a row")
    # What slices like an array is left where it is; a list, a tensor or a dask array is converted once.
    arrays = {
        name: x
        if type(x).__module__.split(".")[0] in ("numpy", "h5py", "consilience")
        else as_features(name, x)
        for name, x in layers.items()
    }
    for name, x in arrays.items():
        if not x.shape or len(x) != len(ids):
            raise BadInput(
                f"{len(ids)} rows in layer {name!r}, one a sample id", f"shape {x.shape}", "give one id a row"
            )
    samples = {name: as_features(name, x[:1]) for name, x in arrays.items()}
    return ids, arrays, layer_infos({name: (x.shape[1], x.dtype.name) for name, x in samples.items()})


def write_arrays(writer: TableWriter, ids: Sequence[str], arrays: Mapping[str, Any]) -> FeatureTable:
    """Write checked arrays with `writer`, whose digest and spec are set here, from what the parts hold."""
    rows = max(1, PART_BYTES // row_bytes(writer.layers))
    starts = range(0, len(ids), rows)
    writer = replace(writer, n_parts=len(starts))

    def write_part(start: int) -> None:
        at = slice(start, start + rows)
        writer.write_part(
            start // rows, ids[at], {name: as_features(name, x[at]) for name, x in arrays.items()}
        )

    # NumPy, Arrow and the disk all work outside the interpreter's lock.
    with ThreadPoolExecutor(min(_WRITERS, os.cpu_count() or 1)) as pool:
        for _ in pool.map(write_part, starts):
            pass
    parts = writer.receipts()
    spec = {
        "arrays": {name: [info.dim, info.dtype] for name, info in writer.layers.items()},
        "meta": writer.meta,
        "model": writer.model,
        "parts": [part.checksum for part in parts],
        "rejected": [pair for part in parts for pair in part.rejected],
        "stimuli": writer.stimuli,
        "version": manifests.VERSION,
    }
    return replace(writer, spec=spec, digest=digest(spec)).finish()
