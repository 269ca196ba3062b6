"""A feature table on disk, read through memory maps: one model (or one brain) on one stimulus set."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from consilience.engine.errors import BadInput, unknown
from consilience.engine.features import manifest as manifests
from consilience.engine.features.damage import damages
from consilience.engine.features.gather import gather
from consilience.engine.features.location import Location, each, location, sizes
from consilience.engine.features.parts import REPAIR, open_part, units
from consilience.engine.features.rdm import RDM
from consilience.engine.features.schema import ID, RDM_KIND, LayerInfo

if TYPE_CHECKING:
    import dask.array
    import xarray


class FeatureTable:
    """An immutable table: rows are samples under `sample_ids`, columns are `layers`.

    Opening reads the manifest and compares the size of every part with it (BadInput when one is missing or
    truncated, or when a newer version wrote the table); the parts are mapped on first use. Arrays that are
    handed out without a copy are read-only. A table pickles to its path, so workers map the same files again.
    Parts on an object store are fetched once, whole, into the cache folder of each machine, and mapped from there.
    """

    def __init__(self, path: str | Location):
        place = location(path)
        # A Location. Not said so, for who reads a table on disk uses all of pathlib.
        self.path: Any = place.resolve() if isinstance(place, Path) else place
        self.manifest: dict[str, Any] = manifests.load(self.path)
        self.model: str = self.manifest["model"]
        self.stimuli: str = self.manifest["stimuli"]
        self.digest: str = self.manifest["digest"]
        self.n: int = self.manifest["n"]
        self.meta: dict[str, Any] = self.manifest["meta"]
        self.layers: dict[str, LayerInfo] = manifests.layers(self.manifest)
        self._views: dict[str, list[np.ndarray]] = {}
        self._check_sizes()

    def __reduce__(self) -> tuple[type["FeatureTable"], tuple[str]]:
        return type(self), (str(self.path),)

    def __len__(self) -> int:
        return self.n

    def __repr__(self) -> str:
        rejected = f", {self.manifest['rejected']} rejected" if self.manifest["rejected"] else ""
        size = f"{self.n} samples{rejected}, {len(self.layers)} layers"
        return f"<FeatureTable {self.model} on {self.stimuli}: {size}>"

    def _repr_html_(self) -> str:
        from consilience.engine.features.html import table_html

        return table_html(self)

    @cached_property
    def sample_ids(self) -> np.ndarray:
        """The sample ids, (n,) of str, dtype object, in row order."""
        return pa.chunked_array([part.column(ID) for part in self._mapped], pa.string()).to_numpy()

    @cached_property
    def rejected(self) -> pa.Table:
        """The samples that are not in the table: columns ``sample_id`` and ``reason``."""
        try:
            return pa.ipc.open_file((self.path / manifests.REJECTED).read_bytes()).read_all()
        except (pa.ArrowException, OSError) as error:
            raise BadInput(
                "a readable list of rejects", f"{self.path / manifests.REJECTED}: {error}", REPAIR
            ) from error

    def parts(self, layer: str) -> list[np.ndarray]:
        """The layer's pieces in row order: read-only (rows, dim) views of mapped files, none empty."""
        self._layer(layer)
        if layer not in self._views:
            self._views[layer] = [units(part, layer) for part in self._mapped]
        return list(self._views[layer])

    def take(self, layer: str, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Rows `rows` (m,) of one layer, (m, dim), in the order asked for; rows may repeat.

        Consecutive rows within one part come as a read-only view when `out` is not given; anything else is
        gathered in one copy, into `out` (m, dim) of the layer's dtype if given. Raises BadInput for an
        unknown layer, a row outside 0..n-1, or an `out` that does not fit.
        """
        info = self._layer(layer)
        index = np.asarray(rows)
        if (index.dtype.kind not in "iu" and index.size) or index.ndim != 1:
            raise BadInput(
                "row numbers as a vector of integers", f"{index.dtype} {index.shape}", "use np.flatnonzero"
            )
        index = index.astype(np.int64, copy=False)
        if len(index) and (index.min() < 0 or index.max() >= self.n):
            raise BadInput(
                f"row numbers from 0 to {self.n - 1}", f"{index.min()} to {index.max()}", "count rows from 0"
            )
        if out is not None and (out.shape != (len(index), info.dim) or out.dtype != info.dtype):
            raise BadInput(
                f"out of shape {(len(index), info.dim)} and dtype {info.dtype}",
                f"{out.shape} {out.dtype}",
                "match it",
            )
        return gather(self.parts(layer), self._starts, index, out)

    def rdm(self, layer: str) -> RDM:
        """A layer of kind ``rdm`` by itself, to be compared apart from the others. Raises BadInput for any other."""
        if self._layer(layer).kind != RDM_KIND:
            raise BadInput(
                f"a layer of kind {RDM_KIND!r}",
                f"{layer!r}, of features",
                "use table.dataset()[layer] for features",
            )
        return RDM(np.concatenate(self.parts(layer)), self.sample_ids)

    def array(self, layer: str, chunk_bytes: int = 64 << 20) -> "dask.array.Array":
        """The layer as a Dask array (n, dim), in chunks of as many whole parts as fit in `chunk_bytes`."""
        from consilience.engine.features.lazy import dask_array

        return dask_array(self, layer, chunk_bytes)

    def dataset(self, layers: Sequence[str] | None = None) -> "xarray.Dataset":
        """The layers as an xarray Dataset with the coordinate ``sample`` (the sample ids), backed by Dask.

        Dims are ``(sample, unit)`` when all chosen layers have the same number of units; else each layer has
        its own ``unit:<layer>``, because xarray refuses one dimension of several lengths.
        """
        from consilience.engine.features.lazy import dataset

        return dataset(self, list(self.layers) if layers is None else list(layers))

    def verify(self) -> None:
        """Read every part and compare its checksum with the manifest; BadInput names the first to differ."""
        for damage in damages(self.path):
            raise BadInput(f"{self.path / damage.file} as it was written", damage.what, REPAIR)

    def _layer(self, layer: str) -> LayerInfo:
        if layer not in self.layers:
            raise unknown(f"layer of {self.model}", layer, self.layers)
        return self.layers[layer]

    @cached_property
    def _mapped(self) -> list[pa.RecordBatch]:
        def mapped(part: dict[str, Any]) -> pa.RecordBatch:
            where = self.path / part["file"]
            return open_part(where, part["rows"], part["bytes"], part["checksum"], self.layers)

        return each(mapped, [part for part in self.manifest["parts"] if part["rows"]], self.path)

    @cached_property
    def _starts(self) -> np.ndarray:
        rows = [part["rows"] for part in self.manifest["parts"] if part["rows"]]
        return np.cumsum([0, *rows[:-1]], dtype=np.int64)

    def _check_sizes(self) -> None:
        found = sizes(self.path)
        for part in self.manifest["parts"]:
            size = found.get(part["file"])
            if size != part["bytes"]:
                got = "no such file" if size is None else f"{size} bytes"
                raise BadInput(f"{self.path / part['file']} of {part['bytes']} bytes", got, REPAIR)
