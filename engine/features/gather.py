"""Rows out of a column that lies in several memory-mapped pieces, in as few copies as possible."""

from collections.abc import Sequence

import numpy as np

_BLOCK_BYTES = 1 << 20


def gather(
    pieces: Sequence[np.ndarray], starts: np.ndarray, rows: np.ndarray, out: np.ndarray | None
) -> np.ndarray:
    """Rows `rows` of the column whose piece p, an (n_p, d) array, begins at row ``starts[p]``; shape (m, d).

    A run of consecutive rows within one piece is returned as a read-only view when no `out` is given; every
    other request is copied once (unsorted rows over several pieces twice, once of it within the cache).
    """
    m, first = len(rows), pieces[0]
    if m and rows[-1] - rows[0] == m - 1 and _consecutive(rows):
        return _slice(pieces, starts, int(rows[0]), int(rows[-1]) + 1, out)
    if out is None:
        out = np.empty((m, first.shape[1]), first.dtype)
    if len(pieces) == 1:
        _take(first, rows, out)
    elif (np.diff(rows) >= 0).all():
        cuts = np.searchsorted(rows, starts[1:])
        for piece, start, i, j in zip(pieces, starts, (0, *cuts), (*cuts, m)):
            if j > i:
                _take(piece, rows[i:j] - start, out[i:j])
    else:
        # Unsorted: block by block, sorted so that each piece gives its rows at once, then put in order while in cache.
        step = max(1, _BLOCK_BYTES // first.strides[0])
        sorted_rows = np.empty((min(step, m), first.shape[1]), first.dtype)
        for i in range(0, m, step):
            block = rows[i : i + step]
            order = np.argsort(block, kind="stable")
            place = np.empty_like(order)
            place[order] = np.arange(len(order))
            gather(pieces, starts, block[order], sorted_rows[: len(block)])
            np.take(sorted_rows, place, axis=0, out=out[i : i + step], mode="clip")
    return out


def _consecutive(rows: np.ndarray) -> bool:
    return bool((np.diff(rows) == 1).all())


def _slice(
    pieces: Sequence[np.ndarray], starts: np.ndarray, low: int, high: int, out: np.ndarray | None
) -> np.ndarray:
    p = int(np.searchsorted(starts, low, side="right")) - 1
    if out is None:
        if high <= starts[p] + len(pieces[p]):
            return pieces[p][low - starts[p] : high - starts[p]]
        out = np.empty((high - low, pieces[p].shape[1]), pieces[p].dtype)
    at = low
    while at < high:
        end = min(high, int(starts[p]) + len(pieces[p]))
        out[at - low : end - low] = pieces[p][at - starts[p] : end - starts[p]]
        at, p = end, p + 1
    return out


def _take(piece: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and _consecutive(rows):
        out[:] = piece[rows[0] : rows[-1] + 1]
    else:
        # The caller has checked the bounds; with mode="raise" NumPy would go through a second buffer.
        np.take(piece, rows, axis=0, out=out, mode="clip")
