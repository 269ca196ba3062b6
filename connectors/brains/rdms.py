"""Dissimilarity matrices from files: .npy, .npz, .mat and .csv, square or condensed, one or several of repeats."""

from collections.abc import Mapping
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np

from consilience.connectors.brains.interfaces import Region
from consilience.engine.errors import BadInput, unknown

ENDINGS = (".npy", ".npz", ".mat", ".csv")
_SAME = 1e-6  # of the largest value: how far d(i, j) and d(j, i) may differ by rounding


def read_rdm(file: str | Path, key: str | None = None) -> Region:
    """The matrix, or matrices of repeats, in a file.

    Held as (n, n), as its upper triangle row by row (n(n-1)/2,), or as repeats of either: (repeats, n, n) or
    (repeats, n(n-1)/2). `key` names the variable of an .npz or .mat file that holds several; a .csv has no header.

    Raises BadInput as `as_rdm`, and for an unknown key.
    """
    path = Path(file)
    if not path.is_file() or path.suffix not in ENDINGS:
        raise BadInput(f"a file of an RDM ({', '.join(ENDINGS)})", str(path), "check the path")
    return as_rdm(_read(path, key), path.name)


def as_rdm(values: Any, name: str) -> Region:
    """Dissimilarities as a region, checked: square, symmetric, zero on the diagonal.

    Raises BadInput for shapes that are no RDM, for values that differ across the diagonal, and for a diagonal that is
    not zero (of similarities, perhaps).
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise BadInput(f"real dissimilarities in {name}", f"dtype {array.dtype}", "convert them to float64")
    if array.ndim in (2, 3) and array.shape[-2] == array.shape[-1]:
        square = array
    elif array.ndim == 2 and 1 in array.shape:
        square = _square(array.reshape(-1), name)
    elif array.ndim == 2:
        square = np.stack([_square(row, name) for row in array])
    elif array.ndim == 1:
        square = _square(array, name)
    else:
        raise _no_rdm(name, array.shape)
    largest = np.nanmax(np.abs(square), initial=0.0)
    apart = np.nanmax(np.abs(square - square.swapaxes(-1, -2)), initial=0.0)
    if apart > _SAME * largest:
        raise BadInput(
            f"a symmetric matrix in {name}", f"d(i, j) and d(j, i) that differ by {apart:g}",
            "average it with its transpose, if that is what is meant",
        )  # fmt: skip
    diagonal = np.nanmax(np.abs(np.diagonal(square, axis1=-2, axis2=-1)), initial=0.0)
    if diagonal > _SAME * largest:
        raise BadInput(
            f"zeros on the diagonal of {name}", f"values up to {diagonal:g}",
            "turn similarities into dissimilarities, such as 1 - r",
        )  # fmt: skip
    return Region(square, "rdm")


def _square(condensed: np.ndarray, name: str) -> np.ndarray:
    from scipy.spatial.distance import squareform

    n = (1 + isqrt(1 + 8 * len(condensed))) // 2
    if n < 2 or n * (n - 1) // 2 != len(condensed):
        raise _no_rdm(name, condensed.shape)
    return squareform(condensed, checks=False)


def _no_rdm(name: str, shape: tuple[int, ...]) -> BadInput:
    return BadInput(
        f"an RDM in {name}: (n, n), its upper triangle (n(n-1)/2,), or repeats of either", f"shape {shape}",
        "save one of these",
    )  # fmt: skip


def _read(path: Path, key: str | None) -> Any:
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)
    if path.suffix == ".csv":
        import pandas as pd

        return pd.read_csv(path, header=None).to_numpy()
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as held:
            return _only({name: held[name] for name in held.files}, key, path)
    from scipy.io import loadmat

    held = {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    return _only(held, key, path)


def _only(held: Mapping[str, Any], key: str | None, path: Path) -> Any:
    if key is not None:
        if key not in held:
            raise unknown(f"variable of {path.name}", key, held)
        return held[key]
    if len(held) != 1:
        raise BadInput(
            f"one variable in {path.name}, or its name as key", ", ".join(held) or "none", "pass key=..."
        )
    return next(iter(held.values()))
