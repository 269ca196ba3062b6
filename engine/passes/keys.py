"""Candidates for nearest neighbours as 64-bit integers: bits of the similarity above, complement of the row below.

So the largest integers are the nearest neighbours, and ties go to the lower row number, in whatever order they come.
"""

import numpy as np
import torch

LOW = 0xFFFFFFFF
NOTHING = np.iinfo(np.int64).min
GENEROUS, LEAST_SHARE = 4, 2  # shares for each value wanted, and values in a share
LEAST = int(np.float32(-np.inf).view(np.int32) ^ np.int32(0x7FFFFFFF)) << 32  # the key of the similarity -inf


def encoded(values: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    bits = values.contiguous().view(torch.int32)
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # integers in the order of the floats, negative ones too
    return (ordered.long() << 32) | (LOW - rows)


def decoded(keys: np.ndarray) -> np.ndarray:
    """The float32 in the upper half of `keys`; -inf of nothing."""
    keys = np.where(keys == NOTHING, LEAST, keys)
    ordered = (keys >> 32).astype(np.int32)
    return (ordered ^ ((ordered >> 31) & np.int32(0x7FFFFFFF))).view(np.float32)


def listed(keys: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pass rows behind keys (..., width), the largest first, and their similarities; -1 and -inf of nothing.

    Args:
        position: (n,) the pass row of every row.
    """
    ranked = np.sort(keys, axis=-1)[..., ::-1]
    there = ranked != NOTHING
    rows = np.where(there, LOW - (ranked & LOW), 0)
    return np.where(there, position[rows], -1), decoded(ranked)


def reaching(
    values: torch.Tensor, limit: torch.Tensor, below: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, torch.Tensor]:
    """Which of (R, m, m') are at least the limit, `below`: at most: their numbers along each axis, and they themselves.

    NumPy takes a third of the time that torch does.
    """
    if values.device.type != "cpu":
        at = (values <= limit if below else values >= limit).nonzero(as_tuple=True)
        r, i, j = (numbers.cpu().numpy() for numbers in at)
        return r, i, j, values[at]
    compare, columns = np.less_equal if below else np.greater_equal, np.int32(values.shape[2])
    parts = []
    for k, (of_one, its_limit) in enumerate(zip(values.numpy(), limit.numpy())):
        hits = np.flatnonzero(compare(of_one, its_limit)).astype(np.int32)
        i = hits // columns
        j = hits - i * columns
        parts.append((np.full_like(i, k), i, j, of_one[i, j]))
    r, i, j, found = map(np.concatenate, zip(*parts))
    return r, i, j, torch.from_numpy(found)


def reached_by(values: torch.Tensor, wanted: int, axis: int, nearest: int) -> np.ndarray:
    """What so many values along that axis of (R, m, m') reach, or all: a lower (`nearest` -1: an upper) bound.

    Of each of several shares of the axis the best is looked at, which takes a tenth of the time that ranking all does.
    """
    shares = GENEROUS * wanted
    if values.shape[axis] >= LEAST_SHARE * shares:
        many = values.shape[axis] // shares
        values = values.narrow(axis, 0, many * shares).unflatten(axis, (many, shares))
        values = values.amax(dim=axis) if nearest > 0 else values.amin(dim=axis)
    nth = min(wanted, values.shape[axis])
    if values.device.type != "cpu":
        best = torch.topk(values, nth, dim=axis, largest=nearest > 0).values
        return best.select(axis, nth - 1).cpu().numpy()
    at = nth - 1 if nearest < 0 else values.shape[axis] - nth
    return np.partition(values.numpy(), at, axis=axis).take(at, axis=axis)


def rectangular(keys: np.ndarray, of: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Keys, each of one of R x m samples: (R, m, most of any sample), with nothing where a sample has fewer."""
    small = np.uint16 if shape[0] * shape[1] <= 2**16 else of.dtype  # 16 bits are sorted by counting
    order = np.argsort(of.astype(small), kind="stable")
    of, counts = of[order], np.bincount(of, minlength=shape[0] * shape[1])
    starts = np.cumsum(counts) - counts
    found = np.full((len(counts), max(int(counts.max()), 1)), NOTHING)
    found[of, np.arange(len(of)) - starts[of]] = keys[order]
    return found.reshape(*shape, -1)


def largest(keys: torch.Tensor, width: int) -> np.ndarray:
    count = keys.shape[2]
    if count <= width:
        return keys.cpu().numpy()
    if keys.device.type != "cpu":
        return torch.topk(keys, width, dim=2, sorted=False).values.cpu().numpy()
    return np.partition(keys.numpy(), count - width, axis=2)[:, :, count - width :].copy()
