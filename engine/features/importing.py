"""Feature tables from users' own files.

- ``.npz``: ``sample_id`` and one array a layer
- ``.npy``: one layer, named as the file; the ids come from `ids`
- ``.safetensors``: one tensor a layer; ids as an integer tensor ``sample_id``, as a JSON list under ``sample_id`` in
  the file's metadata, or from `ids`
- ``.parquet``: ``sample_id`` and one column of lists a layer
- ``.h5``: ``sample_id`` and one dataset a layer, named by its path in the file
- ``.txt``: one layer, a line a sample; the ids come from `ids`
- ``.pt``: a tensor or a mapping of tensors, ids as for ``.npy`` or a list ``sample_id``; or what platonic-rep writes
- a folder as thingsvision or Net2Brain leaves it: see `layouts`

Several files make one table in one of two ways, which their ids decide: files with the same ids, in any order, bring
their layers together; files with no id in common, but the same layers, are appended. Anything else is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.files import read_file, read_ids
from consilience.engine.features.schema import as_features, as_ids
from consilience.engine.features.store import FeatureStore
from consilience.engine.features.table import FeatureTable


def import_files(
    files: Iterable[str | Path],
    model: str,
    stimuli: str,
    store: FeatureStore | str | Path,
    ids: Sequence[Any] | str | Path | None = None,
    *,
    meta: Mapping[str, Any] | None = None,
) -> FeatureTable:
    """Write the features in `files` into `store`, as the table of `model` on `stimuli`.

    `ids` are the sample ids of the files that hold none: a sequence, a ``.npy`` file or a text file, one id a line.
    See this module for the formats and for how files are put together, and FeatureStore.write for what is refused or
    rejected of their content. Raises BadInput, naming the file, before anything is written.
    """
    paths = [Path(file) for file in files]
    if not paths:
        raise BadInput(
            "at least one file of features",
            "none",
            "name .npz, .npy, .safetensors, .parquet, .h5, .pt or .txt files",
        )
    given = read_ids(ids)
    if given is not None:
        given = as_ids(given)
    with ExitStack() as stack:
        contents = [_content(path, given, stack) for path in paths]
        sample_ids, layers = _together(contents)
        store = store if isinstance(store, FeatureStore) else FeatureStore(store)
        return store.write(model, stimuli, sample_ids, layers, meta=meta)


@dataclass(frozen=True)
class _Content:
    path: Path
    ids: list[str]
    layers: dict[str, Any]

    @property
    def units(self) -> dict[str, tuple[int, str]]:
        """Layer -> (dim, dtype), as it would be stored."""
        first = {name: as_features(name, x[:1]) for name, x in self.layers.items()}
        return {name: (x.shape[1], x.dtype.name) for name, x in first.items()}


def _content(path: Path, given: list[str] | None, stack: ExitStack) -> _Content:
    own, layers = read_file(path, stack)
    if own is None and given is None:
        raise BadInput(
            f"sample ids for {path}",
            "none",
            "store them as 'sample_id' in the file, or name a file of ids, one a line",
        )
    ids = as_ids(own) if own is not None else given
    assert ids is not None
    if own is not None and given is not None and ids != given:
        raise BadInput(
            f"the same ids in {path} and beside it", "two different lists", "leave one of the two out"
        )
    if not layers:
        raise BadInput(f"at least one layer in {path}", "none", "store one array a layer, beside 'sample_id'")
    for name, x in layers.items():
        if not x.shape or x.shape[0] != len(ids):
            raise BadInput(
                f"{len(ids)} rows in layer {name!r} of {path}, one a sample id",
                f"shape {tuple(x.shape)}",
                "give one id a row",
            )
    return _Content(path, ids, layers)


def _together(contents: Sequence[_Content]) -> tuple[list[str], dict[str, Any]]:
    first = contents[0]
    if len(contents) == 1:
        return first.ids, first.layers
    if all(set(c.ids) == set(first.ids) for c in contents):
        return first.ids, _merged(contents)
    if sum(len(c.ids) for c in contents) > len(set().union(*(c.ids for c in contents))):
        other = next(c for c in contents[1:] if set(c.ids) != set(first.ids))
        shared = len(set(first.ids) & set(other.ids))
        raise BadInput(
            "files with the same sample ids (their layers are merged) or with no id in common (rows are appended)",
            f"{first.path} with {len(first.ids)} and {other.path} with {len(other.ids)} ids, {shared} of them shared",
            "import them as two models, or cut them to the same samples",
        )
    for c in contents[1:]:
        if c.units != first.units:
            raise BadInput(
                f"the layers of {first.path}, {first.units}, for rows to be appended",
                f"{c.units} in {c.path}",
                "give both files the same layers, widths and dtypes, or the same sample ids",
            )
    return [i for c in contents for i in c.ids], {
        name: _Appended([c.layers[name] for c in contents]) for name in first.layers
    }


def _merged(contents: Sequence[_Content]) -> dict[str, Any]:
    """All layers, with rows in the order of the first file's ids."""
    names = [name for c in contents for name in c.layers]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise BadInput(
            "every layer in one file only, since all hold the same ids",
            f"{', '.join(twice)} twice",
            "rename the layers",
        )
    layers: dict[str, Any] = {}
    for c in contents:
        if c.ids == contents[0].ids:
            layers |= c.layers
        else:
            row = {i: k for k, i in enumerate(c.ids)}
            order = np.array([row[i] for i in contents[0].ids])
            layers |= {name: as_features(name, x[:])[order] for name, x in c.layers.items()}
    return layers


class _Appended:
    """Arrays one below the other, of which only the rows asked for are read."""

    def __init__(self, pieces: Sequence[Any]):
        self.pieces = pieces
        self.starts = np.cumsum([0, *(len(x) for x in pieces)])
        self.shape = (int(self.starts[-1]), *pieces[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        low, high, _ = rows.indices(len(self))
        found = [
            as_features("", x[max(0, low - at) : max(0, high - at)])
            for x, at in zip(self.pieces, self.starts[:-1])
            if low < at + len(x) and high > at
        ]
        return found[0] if len(found) == 1 else np.concatenate(found)
