"""How many neighbours the samples have in common in two representations: of all samples, and within every subset."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from consilience.engine.inference.subsets import Subsets
from consilience.engine.passes.columns import labelled, one_hot, only_those_of
from consilience.engine.passes.executors import Run
from consilience.engine.passes.neighbours import Neighbours

CHUNK_ELEMENTS = 2**22


def overlaps(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """How many samples share 0, 1, … k neighbours, (L, R, k + 1), from the lists (L, n, k) and (R, n, k)."""
    k = left.shape[2]
    found = np.zeros((len(left), len(right), k + 1), np.int64)
    for shared in common(left, right):
        found += _counts(shared, k)
    return found


def overlaps_within(
    neighbours: Neighbours, subsets: Subsets, k: int, some: Sequence[int] | None, run: Run
) -> np.ndarray:
    """As `overlaps` of the k nearest neighbours within each subset, (S, R, R, k + 1); with `some` (S, R, L, k + 1) of
    those on the right. `run` runs tasks, each on some samples and all subsets."""
    groups = neighbours.groups
    group = np.append(
        np.repeat(np.arange(groups.count, dtype=np.int16), groups.sizes), groups.count
    )  # -1: none
    masks = np.pad(subsets.masks, ((0, 0), (0, 1)))
    size = len(neighbours.whole)
    calls: list[tuple[Any, ...]] = []
    for scope, members in neighbours.members(subsets):
        lists = neighbours.scopes[scope]
        n, width = lists.shape[1:]
        columns = max(min((size if some is None else len(some)) * width, n), 8 * width)
        chunk = min(CHUNK_ELEMENTS // run.workers // (size * columns), -(-n // (4 * run.workers)))
        edges = [*range(0, n, max(1, chunk)), n]
        calls += [(lists[:, a:b], group[a:b], group, masks, members, k, some) for a, b in pairwise(edges)]
    counts: dict[int, np.ndarray] = run(_within, calls, _added, stage="common neighbours")
    return np.array([counts[s] for s in range(subsets.count)])


def _added(parts: Sequence[dict[int, np.ndarray]]) -> dict[int, np.ndarray]:
    """The counts of all samples, by subset."""
    total: dict[int, np.ndarray] = {}
    for part in parts:
        for s, counts in part.items():
            total[s] = total[s] + counts if s in total else counts
    return total


def _within(
    lists: np.ndarray, own: np.ndarray, group: np.ndarray, masks: np.ndarray, members: Sequence[int], k: int,
    some: Sequence[int] | None,
) -> dict[int, np.ndarray]:  # fmt: skip
    """Counts (R, L, k + 1) of some samples within each subset of `members`. `own` are the groups of these samples,
    `group` those of all."""
    torch.set_num_threads(1)  # the tasks are the threads
    # Few of all samples are neighbours of one, anywhere; and only those of both sides can be in common.
    labels = labelled(lists.transpose(1, 0, 2))
    if some is not None:
        labels = only_those_of(labels, some)
    columns = int(labels.max())
    labels = labels.transpose(2, 0, 1).copy()  # (width, m, R): nearest neighbours of all come first
    near = group[lists].transpose(2, 1, 0).copy()
    hot = torch.empty(*labels.shape[1:], columns + 1)
    count = len(lists) if some is None else len(some)
    found = {}
    for s in members:
        inside = masks[s][own]
        if not inside.any():  # they are of the other half
            found[s] = np.zeros((len(lists), count, k + 1), np.int64)
            continue
        usable = masks[s][near] & inside[:, None]
        first = np.where(usable & (usable.cumsum(axis=0, dtype=np.int16) <= k), labels, 0)
        hot.zero_().scatter_(2, torch.from_numpy(first.transpose(1, 2, 0).copy()), 1.0)
        hot[:, :, 0] = 0  # where the others went
        right = hot if some is None else hot[:, list(some)]
        counts = _counts(torch.bmm(hot, right.transpose(1, 2)).numpy(), k)
        counts[:, :, 0] -= np.count_nonzero(~inside)
        found[s] = counts
    return found


def _counts(shared: np.ndarray, k: int) -> np.ndarray:
    """In how many of m samples 0, 1, … k are in common, (L, R, k + 1), from how many there are (m, L, R)."""
    shape = shared.shape[1:]
    size = shape[0] * shape[1]
    at = shared.reshape(len(shared), size).astype(np.int64) + np.arange(size) * (k + 1)
    return np.bincount(at.ravel(), minlength=size * (k + 1)).reshape(*shape, k + 1)


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
