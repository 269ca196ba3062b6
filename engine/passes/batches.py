"""Unbiased HSIC within random batches of samples, summed: a cost of n times the size of a batch, at any n."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import torch

from consilience.engine.inference.subsets import Groups
from consilience.engine.passes.sample import sample_tile
from consilience.engine.passes.tiles import TilePass


@dataclass(frozen=True)
class BatchSums:
    """Sums over batches, by group of batches: (G, R, R) of the HSIC, and of its variance under permutation within a
    batch; (G,) of batches and of samples."""

    hsic: np.ndarray
    variance: np.ndarray
    batches: np.ndarray
    n: np.ndarray

    def __add__(self, other: "BatchSums") -> "BatchSums":
        return BatchSums(
            self.hsic + other.hsic,
            self.variance + other.variance,
            self.batches + other.batches,
            self.n + other.n,
        )


def batch_sums(
    work: TilePass, space: str, batches: Groups, groups: int, run: Callable[..., Any]
) -> BatchSums:
    """The sums over all `batches` (the groups of rows), which are dealt to so many `groups` in their order."""
    calls = [
        (work, space, batches, groups, some)
        for some in np.array_split(np.arange(batches.count), 64)
        if len(some)
    ]
    costs = [float(len(some)) for *_, some in calls]
    total: BatchSums = run(_some, calls, _added, costs=costs, stage="batches")
    return total


def _added(parts: list[BatchSums]) -> BatchSums:
    return reduce(BatchSums.__add__, parts)


def _some(work: TilePass, space: str, batches: Groups, groups: int, some: np.ndarray) -> BatchSums:
    if work.device == "cpu":
        torch.set_num_threads(1)  # the tasks are the threads
    size = len(work.representations)
    shape = (groups, size, size)
    sums = BatchSums(np.zeros(shape), np.zeros(shape), np.zeros(groups), np.zeros(groups))
    for b in some:
        rows = np.arange(batches.edges[b], batches.edges[b + 1])
        m, g = len(rows), b * groups // batches.count
        value = _unbiased(sample_tile(work, slice(None), rows).space(space))
        own = np.diagonal(value)
        sums.hsic[g] += value
        sums.variance[g] += 2 * np.multiply.outer(own, own) / (m * (m - 3))
        sums.batches[g] += 1
        sums.n[g] += m
    return sums


def _unbiased(values: torch.Tensor) -> np.ndarray:
    """The unbiased HSIC of all pairs, (R, R), of whole matrices (R, m, m)."""
    m = values.shape[1]
    values = values.clone()
    torch.diagonal(values, dim1=1, dim2=2).zero_()
    flat = values.flatten(1)
    cross = (flat @ flat.T).double().cpu().numpy()
    rows = values.sum(dim=2).double().cpu().numpy()
    total = rows.sum(axis=1)
    value = cross + np.multiply.outer(total, total) / ((m - 1) * (m - 2)) - 2 / (m - 2) * (rows @ rows.T)
    return value / (m * (m - 3))
