"""The numbers of one metric for every pair of layers, packed for a page: float32, deflate, base64."""

import base64
import zlib

import numpy as np
import xarray as xr

# In this order in the packed block. `log10_p` and `log10_q` because p reaches 1e-200, which float32 cannot
# hold; `why` is a position in the list of reasons, 0 where there is none.
COLUMNS = ("score", "se", "null_mean", "z", "log10_p", "log10_q", "calibrated", "n", "why")

# Bits of the mantissa that stay: all for the score, whose digits are shown as far as its error goes, and for
# whole numbers; elsewhere 14 (a relative error of 3e-5, where three digits are shown), for what is cut away
# packs to nothing.
_WHOLE = {"score", "score_select", "score_holdout", "n", "why"}
_BITS = 14


def columns(scores: xr.Dataset, metric: str, why: np.ndarray) -> dict[str, np.ndarray]:
    """Every column as a float64 array (a, b)."""
    one = scores.sel(metric=metric)
    plain = {name: one[name].values for name in ("score", "se", "null_mean", "z", "calibrated", "n")}
    with np.errstate(divide="ignore"):
        logs = {f"log10_{name}": np.log10(one[name].values) for name in ("p", "q")}
    return {name: ({"why": why} | plain | logs)[name] for name in COLUMNS}


def pack(columns: dict[str, np.ndarray]) -> dict[str, str | bool]:
    """One text for all columns, and whether only the triangle i <= j of symmetric arrays is in it."""
    stored = [_shorten(array, name in _WHOLE) for name, array in columns.items()]
    symmetric = all(a.shape[0] == a.shape[1] and np.array_equal(a, a.T, equal_nan=True) for a in stored)
    if symmetric:
        triangle = np.triu_indices(stored[0].shape[0])
        stored = [a[triangle] for a in stored]
    block = b"".join(np.ascontiguousarray(a).tobytes() for a in stored)
    return {"symmetric": symmetric, "block": base64.b64encode(zlib.compress(block, 9)).decode("ascii")}


def _shorten(array: np.ndarray, whole: bool) -> np.ndarray:
    """`array` as little-endian float32, the low bits of its mantissa rounded away unless it stays `whole`."""
    short = np.asarray(array, dtype="<f4")
    if whole:
        return short
    bits = short.copy().view("<u4")
    cut = np.uint32(23 - _BITS)
    half = np.uint32(1) << (cut - np.uint32(1))
    rounded = ((bits + half) >> cut << cut).view("<f4")
    # Adding to the pattern of an infinity or NaN would make it another number.
    return np.where(np.isfinite(short), rounded, short).astype("<f4")
