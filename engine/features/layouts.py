"""Folders of features as other packages leave them, read as one file of ours would be.

- thingsvision: ``features.npy``, ``.txt``, ``.pt`` or ``.hdf5``, whole or in pieces (``features_01.npy``, …), with
  ``file_names.txt``, whose lines are the ids. One layer, ``features``.
- Net2Brain: a ``.npz`` a stimulus, named as it, with one array a layer and an axis of length one in front; or,
  consolidated, a ``.npz`` a layer (``consolidated_LAYER.npz``) with one array a stimulus.

Maps and tokens are not pooled but written out, all values of a sample in one row, as those packages compare them.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput

Content = tuple[Iterable[Any] | None, dict[str, Any]]
Reader = Callable[[Path, ExitStack], Content]
NAMES = "file_names.txt"
_WHOLE = (".npy", ".txt", ".pt", ".hdf5", ".h5")


def read_folder(folder: Path, stack: ExitStack, readers: Mapping[str, Reader]) -> Content:
    """(ids or None, layer -> array) of a folder in one of these layouts; `readers` are those of single files.

    Raises BadInput for a folder that is neither, for one with features twice, and for samples of different sizes.
    """
    features = [x for x in sorted(folder.glob("features*")) if x.suffix in _WHOLE]
    if features:
        return _thingsvision(folder, features, stack, readers)
    stimuli = sorted(folder.glob("*.npz"))
    layers = {name: path for path in stimuli if (name := _consolidated(path.stem))}
    if layers and len(layers) == len(stimuli):
        return _by_layer(layers)
    if stimuli and not layers:
        return _by_stimulus(stimuli)
    raise BadInput(
        "a folder as thingsvision (features.npy, file_names.txt) or Net2Brain (a .npz a stimulus, or a layer) leave it",
        f"{folder}, " + ("with both kinds of .npz" if layers else "with neither"),
        "give the folder with these files alone, or name files",
    )


def rows(values: Any) -> Any:
    """(samples, ...) as (samples, units), without reading what is on disk already in that form."""
    return values if len(values.shape) <= 2 else np.asarray(values[:]).reshape(len(values), -1)


def _thingsvision(
    folder: Path, features: list[Path], stack: ExitStack, readers: Mapping[str, Reader]
) -> Content:
    if len({x.suffix for x in features}) > 1 or (
        len(features) > 1 and any(x.stem == "features" for x in features)
    ):
        raise BadInput(
            f"features in {folder} once", ", ".join(x.name for x in features), "keep those that are wanted"
        )
    pieces = [x for path in features for x in _values(readers[path.suffix](path, stack)[1])]
    names = folder / NAMES
    ids = [x.strip() for x in names.read_text("utf-8").splitlines() if x.strip()] if names.is_file() else None
    whole = rows(pieces[0]) if len(pieces) == 1 else np.concatenate([np.asarray(rows(x)[:]) for x in pieces])
    return ids, {"features": whole}


def _values(layers: Mapping[str, Any]) -> list[Any]:
    """The pieces within a file in their order: an .hdf5 holds all of them."""
    return [layers[name] for name in sorted(layers)]


def _consolidated(stem: str) -> str:
    """The layer of which a file of that name holds all stimuli, or ""."""
    if stem.startswith("consolidated_"):
        return stem.removeprefix("consolidated_")
    return stem.removesuffix("_consolidated") if stem.endswith("_consolidated") else ""


def _by_layer(layers: Mapping[str, Path]) -> Content:
    ids: list[str] = []
    found = {}
    for layer, path in layers.items():
        with np.load(path, allow_pickle=False) as file:
            ids = ids or list(file.files)
            if set(file.files) != set(ids):
                odd = sorted(set(file.files) ^ set(ids))[0]
                raise BadInput(
                    f"the same stimuli in every layer, {path.name} too", f"{odd!r} in some", "extract again"
                )
            found[layer] = _stacked(layer, [(name, file[name]) for name in ids])
    return ids, found


def _by_stimulus(files: list[Path]) -> Content:
    found: dict[str, list[tuple[str, np.ndarray]]] = {}
    for path in files:
        with np.load(path, allow_pickle=False) as file:
            if found and set(file.files) != set(found):
                odd = sorted(set(file.files) ^ set(found))[0]
                raise BadInput(
                    f"the same layers in every file, {path.name} too", f"{odd!r} in some", "extract again"
                )
            for layer in file.files:
                found.setdefault(layer, []).append((path.stem, file[layer]))
    return [x.stem for x in files], {layer: _stacked(layer, values) for layer, values in found.items()}


def _stacked(layer: str, values: list[tuple[str, np.ndarray]]) -> np.ndarray:
    first_name, first = values[0]
    for name, value in values:
        if value.size != first.size:
            raise BadInput(
                f"layer {layer!r} of one size for all stimuli",
                f"{first.shape} of {first_name}, {value.shape} of {name}",
                "pool it, or leave the layer out when extracting",
            )  # fmt: skip
    return np.stack([value.reshape(-1) for _, value in values])
