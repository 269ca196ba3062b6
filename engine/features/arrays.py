"""A user's own arrays as a table: checked as a whole, then written in parts by a few threads."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput, unknown
from consilience.engine.features import manifest as manifests
from consilience.engine.features.rdm import RDM
from consilience.engine.features.schema import (
    FEATURES,
    RDM_KIND,
    LayerInfo,
    as_features,
    as_ids,
    digest,
    layer_infos,
)
from consilience.engine.features.table import FeatureTable
from consilience.engine.features.writer import TableWriter

PART_BYTES = 128 << 20
_WRITERS = 4


def row_bytes(layers: Mapping[str, LayerInfo]) -> int:
    """Bytes of one row of all layers."""
    return sum(info.nbytes for info in layers.values())


def checked_arrays(
    sample_ids: Iterable[Any], layers: Mapping[str, Any], kinds: Mapping[str, str] | None = None
) -> tuple[list[str], dict[str, Any], dict[str, LayerInfo]]:
    """Ids, arrays and layer infos of a user's features, refused here if they do not fit together."""
    ids = as_ids(sample_ids)
    if not ids:
        raise BadInput("at least one sample", "none", "give one sample id a row")
    kinds = {**{name: RDM_KIND for name, x in layers.items() if isinstance(x, RDM)}, **(kinds or {})}
    for name in kinds:
        if name not in layers:
            raise unknown("layer", name, layers)
    layers = {
        name: _dissimilarities(name, x, ids) if kinds.get(name) == RDM_KIND else x
        for name, x in layers.items()
    }
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
    infos = {
        name: LayerInfo(x.shape[1], x.dtype.name, kinds.get(name, FEATURES)) for name, x in samples.items()
    }
    return ids, arrays, layer_infos(infos)


def _dissimilarities(name: str, values: Any, ids: Sequence[str]) -> np.ndarray:
    """The matrix (n, n) of a layer of kind ``rdm``, whose samples are those of the table."""
    rdm = values if isinstance(values, RDM) else RDM(values)
    if rdm.sample_ids is not None and list(rdm.sample_ids) != list(ids):
        raise BadInput(
            f"the RDM {name!r} under the sample ids of the table, in their order", "other ids",
            "pass the RDM's own sample_ids as those of the table",
        )  # fmt: skip
    return rdm.values


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
        "arrays": {
            name: [info.dim, info.dtype, *([] if info.kind == FEATURES else [info.kind])]
            for name, info in writer.layers.items()
        },
        "meta": writer.meta,
        "model": writer.model,
        "parts": [part.checksum for part in parts],
        "rejected": [pair for part in parts for pair in part.rejected],
        "stimuli": writer.stimuli,
        "version": manifests.VERSION,
    }
    return replace(writer, spec=spec, digest=digest(spec)).finish()
