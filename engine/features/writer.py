"""Writing a feature table part by part, from any number of processes, killed and resumed at any point."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from consilience.engine.errors import BadInput
from consilience.engine.features import manifest as manifests
from consilience.engine.features import receipts
from consilience.engine.features.checksum import file_checksum
from consilience.engine.features.disk import writing
from consilience.engine.features.lease import FILE as LEASE
from consilience.engine.features.lease import lease
from consilience.engine.features.location import Location, each, sizes, write_bytes, write_json
from consilience.engine.features.objects import ObjectPath
from consilience.engine.features.parts import part_ids, part_name, write_part_file
from consilience.engine.features.receipts import Receipt
from consilience.engine.features.schema import RDM_KIND, LayerInfo, as_ids, refuse_duplicates
from consilience.engine.features.statistics import finite_rows, spread
from consilience.engine.features.table import FeatureTable

_READERS = 4  # threads that compare checksums


@dataclass
class TableWriter:
    """Writes one table into the folder `path`. Plain data: it pickles, and any process may write any part.

    `spec` decides the content and names the table; what decides the split of samples into parts (the shard
    size) belongs into it, or a resumed run would mix two splits. `meta` (licence, citation, card, …) goes to
    the manifest.
    """

    path: Any  # a Location; see `FeatureTable.path`
    model: str
    stimuli: str
    digest: str
    spec: dict[str, Any]
    layers: dict[str, LayerInfo]
    meta: dict[str, Any] = field(default_factory=dict)
    n_parts: int | None = None

    @property
    def finished(self) -> bool:
        """Whether the table exists."""
        return (self.path / manifests.FILE).is_file()

    def lease(self) -> AbstractContextManager[None]:
        """To be held by whoever has the parts written; waits while another process does. See `lease`."""
        return lease(self.path, lambda: self.finished)

    def missing(self, n_parts: int) -> list[int]:
        """Which of the parts 0..n_parts-1 are still to be written; any that is damaged is among them, and removed.

        Every part's checksum is compared. On disk it is read for that. An object says which checksum it was written
        with, and is read where it was written otherwise: that its bytes stay what they were is the store's own affair.
        """
        self.n_parts = n_parts
        if self.finished:
            return []
        missing = self._missing(range(n_parts))
        # A part that came while the folder was listed may be seen without its receipt: look twice before it goes.
        seen = sizes(self.path) if missing else {}
        damaged = self._missing([index for index in missing if part_name(index) in seen])
        for index in damaged:
            (self.path / part_name(index)).unlink(missing_ok=True)
        return missing

    def write_part(
        self,
        index: int,
        sample_ids: Sequence[str],
        layers: Mapping[str, np.ndarray],
        rejects: Iterable[tuple[str, str]] = (),
    ) -> int:
        """Write part `index`: row i of every array (rows, dim) is sample ``sample_ids[i]``. Returns how many samples
        were rejected.

        A row that is NaN or Inf in any layer is added to `rejects`, (sample_id, reason) pairs. A part that is
        already there is left as it is. Raises BadInput for wrong shapes or names, repeated ids, and a disk
        that is full or read-only.
        """
        if self.finished or self._has(index):
            return 0
        ids, rejected = as_ids(sample_ids), [(str(i), str(reason)) for i, reason in rejects]
        if rejected:
            refuse_duplicates([*ids, *(i for i, _ in rejected)])
        arrays = self._check(len(ids), layers)
        spreads = {name: spread(x) for name, x in arrays.items()} if ids else {}
        broken = [name for name, value in spreads.items() if value is None]
        if broken:
            ids, arrays, found = _without_broken_rows(ids, arrays, broken)
            rejected += found
            spreads = {name: spread(x) for name, x in arrays.items()} if ids else {}
        self._write(index, ids, arrays, rejected, spreads)
        return len(rejected)

    def finish(self, *, times: Mapping[str, Any] | None = None) -> FeatureTable:
        """Make the table: write ``rejected.arrow`` and the manifest, and remove what only writing needed.

        `times` goes to the manifest's ``times``, beside ``created``. Raises BadInput when a part is missing,
        when no sample is left, when a sample id occurs in two parts, or when an RDM is not of the samples of the table.
        A finished table is opened as it is.
        """
        if self.finished:
            return FeatureTable(self.path)
        try:
            parts = self.receipts()
            rejected = [pair for part in parts for pair in part.rejected]
            if not any(part.rows for part in parts):
                first = f": {rejected[0][0]!r}, {rejected[0][1]}" if rejected else ""
                raise BadInput(
                    "at least one sample", f"{len(rejected)} rejected and none left{first}", "mend the input"
                )
            self._check_ids(parts, rejected)
            self._check_rdms(sum(part.rows for part in parts), len(rejected))
        except FileNotFoundError:
            if self.finished:  # another process was faster, and has cleared the receipts away
                return FeatureTable(self.path)
            raise
        _write_rejected(self.path / manifests.REJECTED, rejected)
        value = manifests.build(
            model=self.model,
            stimuli=self.stimuli,
            digest=self.digest,
            spec=self.spec,
            layers=self.layers,
            receipts=parts,
            rejected=len(rejected),
            rejected_checksum=file_checksum(self.path / manifests.REJECTED),
            meta=self.meta,
            times={"created": datetime.now(UTC).isoformat(), **(times or {})},
        )
        write_json(self.path / manifests.FILE, value)
        clear(self.path)
        return FeatureTable(self.path)

    def receipts(self) -> list[Receipt]:
        """The receipts of all parts, in order; BadInput names the parts that are missing."""
        return receipts.of_all_parts(self.path, self.n_parts)

    def _has(self, index: int) -> bool:
        # The folder is listed only for a part that seems to be there: there may be thousands.
        if not (self.path / part_name(index)).is_file():
            return False
        return receipts.of_part(self.path, index, receipts.listing(self.path)) is not None

    def _missing(self, indices: Sequence[int]) -> list[int]:
        if not indices:
            return []
        found = receipts.listing(self.path)
        held = each(lambda i: receipts.of_part(self.path, i, found, check=True), indices, self.path, _READERS)
        return [index for index, receipt in zip(indices, held) if receipt is None]

    def _check(self, n: int, layers: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if set(layers) != set(self.layers):
            raise BadInput(
                f"the layers {', '.join(self.layers)}", ", ".join(layers) or "none", "give every layer"
            )
        for name, info in self.layers.items():
            if np.shape(layers[name]) != (n, info.dim):
                raise BadInput(
                    f"layer {name!r} of shape {(n, info.dim)}, one row a sample id",
                    f"{np.shape(layers[name])}",
                    "give as many rows as sample ids, each as wide as the layer",
                )
        with np.errstate(over="ignore"):  # beyond float16 is Inf, and rejected as such
            return {
                name: np.asarray(layers[name]).astype(i.dtype, copy=False) for name, i in self.layers.items()
            }

    def _write(
        self,
        index: int,
        ids: list[str],
        arrays: Mapping[str, np.ndarray],
        rejected: list[tuple[str, str]],
        spreads: Mapping[str, Any],
    ) -> None:
        def seal(size: int, checksum: str) -> None:
            Receipt(index, len(ids), size, checksum, rejected, dict(spreads)).write(self.path)

        if not isinstance(self.path, ObjectPath):
            with writing(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
        try:
            write_part_file(self.path / part_name(index), ids, arrays, self.layers, seal)
        except FileNotFoundError:
            # The table may have been finished meanwhile with another process's copy of this part.
            if not self.finished:
                raise

    def _check_rdms(self, rows: int, rejected: int) -> None:
        for name, info in self.layers.items():
            if info.kind == RDM_KIND and info.dim != rows:
                raise BadInput(
                    f"{info.dim} samples, as many as the RDM {name!r} has columns", f"{rows}, {rejected} rejected",
                    "leave those samples out of the RDM too, rows and columns both, or write it in a table of its own",
                )  # fmt: skip

    def _check_ids(self, parts: Sequence[Receipt], rejected: Sequence[tuple[str, str]]) -> None:
        chunks = each(
            lambda r: part_ids(self.path / part_name(r.index), r.rows, self.layers), parts, self.path
        )
        ids = pa.chunked_array([*chunks, pa.array([i for i, _ in rejected], pa.string())])
        if len(pc.unique(ids)) < len(ids):
            refuse_duplicates(ids.to_pylist())


def clear(folder: Location) -> None:
    """Remove from a finished table's folder what only writing needed."""
    leftover = [
        name for name in sizes(folder) if name.startswith(".part-") or name in (manifests.ASIDE, LEASE)
    ]
    each(lambda name: (folder / name).unlink(missing_ok=True), leftover, folder)


def _without_broken_rows(
    ids: list[str], arrays: Mapping[str, np.ndarray], broken: Sequence[str]
) -> tuple[list[str], dict[str, np.ndarray], list[tuple[str, str]]]:
    """Ids and arrays without the rows that are not finite in the layers `broken`; and those, with reasons."""
    finite = {name: finite_rows(arrays[name]) for name in broken}
    keep = np.logical_and.reduce(list(finite.values()))
    rejected = [
        (ids[row], "NaN or Inf in " + ", ".join(name for name in broken if not finite[name][row]))
        for row in np.flatnonzero(~keep)
    ]
    return [i for i, good in zip(ids, keep) if good], {name: x[keep] for name, x in arrays.items()}, rejected


def _write_rejected(path: Location, rejected: Sequence[tuple[str, str]]) -> None:
    schema = pa.schema([("sample_id", pa.string()), ("reason", pa.string())])
    table = pa.table([[i for i, _ in rejected], [reason for _, reason in rejected]], schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(table)
    write_bytes(path, sink.getvalue().to_pybytes())
