"""Neighbour lists of some samples as 0 and 1 over few columns: all neighbours that a sample has anywhere."""

from collections.abc import Sequence

import numpy as np
import torch


def labelled(lists: np.ndarray) -> np.ndarray:
    """Number the different neighbours of each sample: (m, R, k), negative for none -> labels from 1, 0 for none."""
    flat = lists.reshape(len(lists), -1)
    order = np.argsort(flat, axis=1, kind="stable")
    ordered = np.take_along_axis(flat, order, 1)
    new = np.diff(ordered, axis=1, prepend=-1) != 0  # empty entries, -1, sort first and stay 0
    labels = np.empty(flat.shape, np.int64)
    np.put_along_axis(labels, order, np.cumsum(new, axis=1), 1)
    return labels.reshape(lists.shape)


def only_those_of(labels: np.ndarray, some: Sequence[int]) -> np.ndarray:
    """Labels (m, R, k) numbered anew from 1: of neighbours in the lists of `some` representations; 0 for all others."""
    rows = np.arange(len(labels))[:, None, None]
    there = np.zeros((len(labels), int(labels.max()) + 1), np.int64)
    there[rows, labels[:, list(some)]] = 1
    there[:, 0] = 0
    renumbered: np.ndarray = (there.cumsum(axis=1) * there)[rows, labels]
    return renumbered


def one_hot(labels: np.ndarray, columns: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """(m, R, columns) with a 1 at each label from 1; label 0, the empty entries, is dropped."""
    hot = torch.zeros(*labels.shape[:2], columns + 1, dtype=dtype)
    return hot.scatter_(2, torch.from_numpy(np.ascontiguousarray(labels)), 1.0)[:, :, 1:]
