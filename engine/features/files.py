"""Users' own files of features: one small reader a format, each giving ids (or None) and arrays by layer.

Whatever a file holds beside ``sample_id`` is a layer, (n, d) or (n,); nothing in it is skipped.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput, unknown
from consilience.engine.features.layouts import Content, read_folder, rows
from consilience.engine.features.schema import ID


def read_file(path: Path, stack: ExitStack) -> Content:
    """(sample ids or None, layer -> array) of one file; what must stay open while it is read goes on `stack`.

    Arrays are memory maps or HDF5 datasets where the format allows it. Raises BadInput for a file that is not there,
    of an unknown kind, damaged, or with other than arrays in it.
    """
    folder = path.is_dir()
    reader = _folder if folder else _READERS.get(path.suffix.lower())
    if reader is None:
        raise unknown("kind of feature file", path.suffix or path.name, _READERS)
    if not folder and not path.is_file():
        raise BadInput(f"a {path.suffix} file of features", f"{path}, which is not there", "check the path")
    try:
        return reader(path, stack)
    except BadInput:
        raise
    except Exception as error:  # six libraries with as many ways to say that a file is damaged
        raise BadInput(
            "a folder of readable files" if folder else f"a readable {path.suffix} file",
            f"{path}: {error}",
            "write the file again, with plain numeric arrays",
        ) from error


def read_ids(ids: Any) -> Iterable[Any] | None:
    """Sample ids given apart from the features: a sequence, a ``.npy`` file, or a text file with one id a line."""
    if not isinstance(ids, str | Path):
        return ids
    path = Path(ids)
    if not path.is_file():
        raise BadInput("a file of sample ids, one a line", f"{path}, which is not there", "check the path")
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)
    return path.read_text("utf-8").splitlines()


def _npz(path: Path, stack: ExitStack) -> Content:
    file = stack.enter_context(np.load(path, allow_pickle=False))
    arrays = {name: file[name] for name in file.files}
    return arrays.pop(ID, None), arrays


def _npy(path: Path, stack: ExitStack) -> Content:
    return None, {path.stem: np.load(path, mmap_mode="r", allow_pickle=False)}


def _safetensors(path: Path, stack: ExitStack) -> Content:
    from safetensors import safe_open

    # Through torch, which maps the file and knows bfloat16; ids as integers, or as JSON in the file's metadata.
    file = stack.enter_context(safe_open(path, framework="pt"))
    arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no dict
    ids = arrays.pop(ID, None)
    if ids is not None:
        return ids.tolist(), arrays
    listed = (file.metadata() or {}).get(ID)
    if listed is None:
        return None, arrays
    import json

    return json.loads(listed), arrays


def _parquet(path: Path, stack: ExitStack) -> Content:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    ids = table.column(ID).to_pylist() if ID in table.column_names else None
    return ids, {name: _column(name, table.column(name)) for name in table.column_names if name != ID}


def _column(name: str, column: Any) -> np.ndarray:
    """A Parquet column of equally long lists, (n, d), or of numbers, (n,); nulls among numbers become NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or
            pa.types.is_fixed_size_list(column.type)):  # fmt: skip
        return column.to_numpy()
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) != 1 or lengths[0] is None:
        raise BadInput(
            f"lists of one length in column {name!r}",
            f"lengths {lengths[:5]}",
            "give every sample as many units",
        )
    flat = pc.list_flatten(column).combine_chunks()
    return flat.to_numpy(zero_copy_only=False).reshape(len(column), lengths[0])


def _h5(path: Path, stack: ExitStack) -> Content:
    import h5py

    file = stack.enter_context(h5py.File(path, "r"))
    arrays: dict[str, Any] = {}
    file.visititems(
        lambda name, item: arrays.update({name: item}) if isinstance(item, h5py.Dataset) else None
    )
    ids = arrays.pop(ID, None)
    return None if ids is None else ids[()], arrays


def _txt(path: Path, stack: ExitStack) -> Content:
    return None, {path.stem: np.loadtxt(path, ndmin=2)}


def _pt(path: Path, stack: ExitStack) -> Content:
    """A tensor, or a mapping of them, a layer each; or what platonic-rep writes, in which ``feats`` is
    (samples, layers, units) and the rest is about the model."""
    import torch

    held = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(held, torch.Tensor):
        return None, {path.stem: rows(held)}
    if not isinstance(held, dict):
        raise BadInput(
            f"a tensor or a mapping of tensors in {path}", type(held).__name__, "save one of the two"
        )
    ids = held.pop(ID, None)
    feats = held.get("feats")
    if isinstance(feats, torch.Tensor) and feats.ndim == 3:
        return ids, {f"layer.{i}": feats[:, i] for i in range(feats.shape[1])}
    odd = [name for name, value in held.items() if not isinstance(value, torch.Tensor) or not value.ndim]
    if odd:
        raise BadInput(
            f"tensors alone in {path}, or `feats` of shape (samples, layers, units)", f"{odd[0]!r}, which is none",
            "save a mapping of layers' names to tensors",
        )  # fmt: skip
    return ids, {str(name): rows(value) for name, value in held.items()}


def _folder(path: Path, stack: ExitStack) -> Content:
    return read_folder(path, stack, _READERS)


_READERS: dict[str, Callable[[Path, ExitStack], Content]] = {
    ".npz": _npz,
    ".npy": _npy,
    ".safetensors": _safetensors,
    ".parquet": _parquet,
    ".txt": _txt,
    ".pt": _pt,
    ".h5": _h5,
    ".hdf5": _h5,
}
