"""The feature store: a folder of feature tables, ``<root>/<model>/<stimuli>/<digest>/``."""

import re
import shutil
import time
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from consilience.engine.errors import BadInput, unknown
from consilience.engine.features import manifest as manifests
from consilience.engine.features.arrays import checked_arrays, row_bytes, write_arrays
from consilience.engine.features.disk import folder_name, writing
from consilience.engine.features.location import Location, location, move, remove_folder, sizes
from consilience.engine.features.schema import LayerInfo, digest, layer_infos
from consilience.engine.features.table import FeatureTable
from consilience.engine.features.writer import TableWriter, clear

_WRITING = re.compile(r"\.writing-(\d+)-[0-9a-f]+")
_ABANDONED = 7 * 86400  # seconds


class RowsRejected(UserWarning):
    """Some rows of a user's own arrays were not finite, and are listed in the table's `rejected`."""


class FeatureStore:
    """Feature tables under one folder, each under its model, its stimuli and the digest of what made it.

    `root` is a path, or the URI of a place in an object store, ``s3://bucket/prefix``; what follows a ``?`` says how to
    reach it (``region``, ``endpoint_override``). Credentials come from the environment and are refused in the URI.
    """

    def __init__(self, root: str | Location):
        self.root: Any = location(root)  # a Location; as with a table's path, most use all of pathlib

    def __repr__(self) -> str:
        return f"FeatureStore({str(self.root)!r})"

    def write(
        self,
        model: str,
        stimuli: str,
        sample_ids: Iterable[Any],
        layers: Mapping[str, Any],
        *,
        meta: Mapping[str, Any] | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> FeatureTable:
        """Bring your own features: row i of every array (n, d) in `layers` is sample ``sample_ids[i]``.

        float16, float32 and float64 are kept; integers, booleans and other byte orders are converted (see
        ``as_features``), a vector (n,) is a layer of one unit. Arrays are read slice by slice, so memory maps
        and HDF5 datasets need not fit in memory. Rows with NaN or Inf go to ``rejected``, with a warning
        (`RowsRejected`). The digest covers data, ids and `meta`: the same call again gives the same table.

        An `RDM` is a layer of kind ``rdm``: the dissimilarities of the table's samples. So is any n x n or condensed
        array of which `kinds` says so: ``kinds={"IT": "rdm"}``. In such a table no row may be rejected.

        Raises BadInput for repeated ids, different lengths, an empty table, a disk that is full or read-only.
        """
        ids, arrays, infos = checked_arrays(sample_ids, layers, kinds)
        self._refuse_full_disk(len(ids) * row_bytes(infos))
        digest(meta or {})  # refused now rather than after the last part
        _clear_abandoned(self._folder(model, stimuli))
        folder = self._folder(model, stimuli) / f".writing-{int(time.time())}-{uuid4().hex}"
        try:
            table = write_arrays(
                TableWriter(folder, model, stimuli, "", {}, infos, dict(meta or {})), ids, arrays
            )
            table = self._put_in_place(table)
        finally:
            remove_folder(folder)
        rejected = table.manifest["rejected"]
        if rejected:
            warnings.warn(
                f"{rejected} of {len(ids)} rows of {model} on {stimuli} were rejected, the first "
                f"{table.rejected['sample_id'][0]} ({table.rejected['reason'][0]}); see `rejected`",
                RowsRejected,
                stacklevel=2,
            )
        return table

    def writer(
        self,
        model: str,
        stimuli: str,
        spec: Mapping[str, Any],
        layers: Mapping[str, LayerInfo | tuple[int, str]],
        *,
        meta: Mapping[str, Any] | None = None,
    ) -> TableWriter:
        """A writer of the table that `spec` describes (plain JSON values), to be written part by part.

        `layers` is name -> (dim, dtype). Nothing is written yet; see TableWriter for resuming.
        """
        name, _ = digest(spec), digest(meta or {})
        folder = self._folder(model, stimuli) / name
        return TableWriter(folder, model, stimuli, name, dict(spec), layer_infos(layers), dict(meta or {}))

    def find(self, model: str, stimuli: str, digest: str) -> FeatureTable | None:
        """The finished table of that digest, or None."""
        folder = self._folder(model, stimuli) / folder_name(digest)
        return FeatureTable(folder) if (folder / manifests.FILE).is_file() else None

    def open(self, model: str, stimuli: str, digest: str | None = None) -> FeatureTable:
        """The table of `model` on `stimuli`; `digest` may be shortened to a prefix that fits one table only.

        Without `digest` and with several tables, the one that was finished last. Raises BadInput when there
        is none, with the nearest name that the store holds.
        """
        paths = self._paths(self._folder(model, stimuli))
        if digest is not None and paths:
            matching = [path for path in paths if path.name.startswith(digest)]
            if len(matching) != 1:
                raise unknown(f"digest of {model} on {stimuli}", digest, [path.name for path in paths])
            paths = matching
        if not paths:
            known = self.names()
            names = sorted({m for m, _ in known})
            if model not in names:
                raise unknown(f"model in {self.root}", model, names)
            raise unknown(
                f"stimulus set with features of {model}", stimuli, [s for m, s in known if m == model]
            )
        return max(map(FeatureTable, paths), key=lambda table: table.manifest["times"]["created"])

    def tables(self, model: str | None = None, stimuli: str | None = None) -> list[FeatureTable]:
        """Every finished table, of `model` and on `stimuli` if given, by model, stimuli and digest."""
        return [FeatureTable(path) for path in self.folders(model, stimuli)]

    def folders(self, model: str | None = None, stimuli: str | None = None) -> list[Location]:
        """The folder of every finished table, as `tables`; opens none of them."""
        names = [x for x in self.names() if model in (None, x[0]) and stimuli in (None, x[1])]
        return [path for pair in names for path in self._paths(self._folder(*pair))]

    def begun(self, model: str | None = None) -> list[Location]:
        """As `folders`, and those of tables that are not finished."""
        models = _folders(self.root) if model is None else [folder_name(model)]
        of_model = [self.root / name for name in models]
        on_stimuli = [folder / name for folder in of_model for name in _folders(folder)]
        return [folder / name for folder in on_stimuli for name in _folders(folder)]

    def names(self) -> list[tuple[str, str]]:
        """The (model, stimuli) of every finished table, each once; opens none of them."""
        pairs = [(model, stimuli) for model in _folders(self.root) for stimuli in _folders(self.root / model)]
        return sorted((unquote(m), unquote(s)) for m, s in pairs if self._paths(self.root / m / s))

    def _folder(self, model: str, stimuli: str) -> Location:
        return self.root / folder_name(model) / folder_name(stimuli)

    def _paths(self, folder: Location) -> list[Location]:
        return [folder / name for name in _folders(folder) if (folder / name / manifests.FILE).is_file()]

    def _put_in_place(self, table: FeatureTable) -> FeatureTable:
        final = table.path.with_name(table.digest)
        if isinstance(table.path, Path):
            with suppress(OSError):  # there may be the same table, or what is left of it after a repair
                table.path.rename(final)
        if not (final / manifests.FILE).is_file():
            with writing(final):
                if isinstance(final, Path):
                    final.mkdir(exist_ok=True)
                for name in sorted(sizes(table.path), key=lambda name: name == manifests.FILE):
                    move(table.path / name, final / name)
            clear(final)
        return FeatureTable(final)

    def _refuse_full_disk(self, nbytes: int) -> None:
        if not isinstance(self.root, Path):
            return
        with writing(self.root / "tables"):
            self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        if nbytes > free:
            raise BadInput(
                f"{nbytes / 1e9:.2f} GB of room in {self.root}",
                f"{free / 1e9:.2f} GB free",
                "free space, or move the store",
            )


def _folders(folder: Location) -> list[str]:
    """The names of the folders one level below, in order; those with a dot hold no table yet."""
    return sorted(name for name, size in sizes(folder).items() if size is None and not name.startswith("."))


def _clear_abandoned(folder: Location) -> None:
    """Remove what killed processes left behind while they wrote a user's arrays, once it is a week old."""
    for name in sizes(folder):
        match = _WRITING.fullmatch(name)
        if match and time.time() - int(match[1]) > _ABANDONED:
            remove_folder(folder / name)
