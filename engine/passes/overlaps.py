"""How many neighbours the samples have in common in two representations."""

from collections.abc import Iterator

import numpy as np
import torch

from consilience.engine.passes.columns import labelled, one_hot

CHUNK_ELEMENTS = 2**22
FEW = 8  # representations whose neighbours are looked up in those of others one after the other
MARKS = 2**20  # that stay in the cache


def overlaps(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """How many samples share 0, 1, … k neighbours, (L, R, k + 1), from the lists (L, n, k) and (R, n, k)."""
    if min(len(left), len(right)) <= FEW and left is not right:
        if len(left) > len(right):
            return overlaps(right, left).swapaxes(0, 1)
        return np.stack([_with_one(lists, right) for lists in left])
    k = left.shape[2]
    size = len(left) * len(right)
    pair = np.arange(size) * (k + 1)
    found = np.zeros(size * (k + 1), np.int64)
    for shared in common(left, right):
        at = shared.reshape(len(shared), size).astype(np.int64) + pair
        found += np.bincount(at.ravel(), minlength=len(found))
    return found.reshape(len(left), len(right), k + 1)


def _with_one(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The row of `overlaps` of the lists (n, k) with (R, n, k)."""
    n, k = one.shape
    last = int(max(one.max(), others.max())) + 1  # stands for the empty entries, and is nobody's neighbour
    step = max(1, MARKS // (last + 1))
    marks = np.zeros((min(step, n), last + 1), bool)
    found, pair = np.zeros(len(others) * (k + 1), np.int64), np.arange(len(others))[:, None] * (k + 1)
    for start in range(0, n, step):
        lists = one[start : start + step]
        row = np.arange(len(lists))[:, None]
        marks[row, lists] = True
        marks[:, last] = False
        shared = marks[row, others[:, start : start + step]].sum(axis=2)
        marks[row, lists] = False
        found += np.bincount((shared + pair).ravel(), minlength=len(found))
    return found.reshape(len(others), k + 1)


def common(left: np.ndarray, right: np.ndarray) -> Iterator[np.ndarray]:
    """How many neighbours each pair of representations shares, (m, L, R) for chunk after chunk of samples.

    Args:
        left, right: (L, n, k) and (R, n, k) neighbours; negative entries count for nothing.
    """
    representations, (_, n, k) = max(len(left), len(right)), left.shape
    width = min((len(left) + len(right)) * k, int(max(left.max(), right.max())) + 1)
    chunk = max(1, CHUNK_ELEMENTS // (representations * (width + 1)))
    for start in range(0, n, chunk):
        rows = slice(start, start + chunk)
        if left is right:
            hot = other = one_hot(*relabelled(left[:, rows], width))
        else:
            ids, columns = relabelled(np.concatenate([left[:, rows], right[:, rows]]), width)
            hot, other = (
                one_hot(ids[:, : len(left)], columns),
                one_hot(ids[:, len(left) :], columns),
            )
        yield torch.bmm(hot, other.transpose(1, 2)).numpy()


def relabelled(lists: np.ndarray, width: int) -> tuple[np.ndarray, int]:
    """(m, R, k) column numbers from 1, 0 for empty; renumbered per row where a row has few different neighbours."""
    ids = lists.transpose(1, 0, 2).astype(np.int64)
    if width < ids.shape[1] * ids.shape[2]:
        return ids + 1, width
    labels = labelled(ids)
    return labels, int(labels.max())
