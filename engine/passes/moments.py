"""The moment pass: Z_a'Z_b of the wanted pairs with Z = [1, ‖x‖², x], per group of rows, in one sweep.

Cost n d_a d_b multiply-adds a pair. Memory: the matrices themselves, whatever n is. Block products are made in the
dtype of the pass and added up in float64.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch

from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups
from consilience.engine.passes import executors
from consilience.engine.passes.blocks import TORCH_DTYPE, Frame, centred
from consilience.engine.passes.workspace import Pool, Workspace

BLOCK_ROWS = 4096
TASK_BLOCKS = 16

Pair = tuple[int, int]
State = dict[tuple[int, int, int], np.ndarray]  # group, a, b -> (d_a + 2, d_b + 2)


@dataclass(frozen=True)
class MomentPass:
    """Everything a task needs. With `right`, representation b of a pair is read in that order of rows instead."""

    representations: tuple[Representation, ...]
    frames: tuple[Frame, ...]
    groups: Groups
    pairs: tuple[Pair, ...]
    dtype: np.dtype
    device: str
    right: np.ndarray | None = None
    pool: Pool = field(default_factory=Pool, compare=False)

    def columns(self, k: int, rows: np.ndarray, memory: Workspace, name: str) -> "Columns":
        """Z of those rows of representation k, in the piece of `memory` of that name."""
        r = self.representations[k]
        into = memory.piece(f"{name} {k}", (len(rows), r.d), self.dtype)
        x = centred(r, self.frames[k], rows, self.dtype, self.device, into)
        first = x.new_ones(len(rows), 2)
        torch.linalg.vector_norm(x, dim=1, out=first[:, 1])
        first[:, 1].square_()
        return Columns(first, x)


class Columns(NamedTuple):
    """Z in two pieces, so that the features need not be copied: [1, ‖x‖²] (m, 2) and x (m, d)."""

    first: torch.Tensor
    x: torch.Tensor

    def product(self, other: "Columns") -> torch.Tensor:
        """Z'Z of the two, (d + 2, d' + 2)."""
        z = self.x.new_empty(self.x.shape[1] + 2, other.x.shape[1] + 2)
        z[:2, :2] = self.first.T @ other.first
        z[:2, 2:] = self.first.T @ other.x
        z[2:, :2] = self.x.T @ other.first
        torch.mm(self.x.T, other.x, out=z[2:, 2:])
        return z


def moments(work: MomentPass, *, run: Callable[..., Any] = executors.run, stage: str = "moments") -> State:
    """Z_a'Z_b of every group and pair, float64. `run` executes the tasks."""
    calls = list(_calls(work))
    costs = [float(stop - start) for _, _, start, stop in calls]
    return run(_task, calls, _combine, costs=costs, stage=stage)


def _calls(work: MomentPass) -> Iterator[tuple[MomentPass, int, int, int]]:
    """Runs of rows, each inside one group, so many that the threads end together."""
    target = max(BLOCK_ROWS, min(TASK_BLOCKS * BLOCK_ROWS, work.groups.n // (8 * executors.workers())))
    for g, (start, stop) in enumerate(pairwise(work.groups.edges)):
        pieces = max(1, -(-(stop - start) // target))
        edges = np.linspace(start, stop, pieces + 1).round().astype(int)
        for a, b in pairwise(edges):
            yield work, g, int(a), int(b)


def _task(work: MomentPass, group: int, start: int, stop: int) -> State:
    if work.device == "cpu":
        torch.set_num_threads(1)  # the tasks are the threads
    sums: dict[Pair, torch.Tensor] = {}
    left_used = {a for a, _ in work.pairs}
    right_used = {b for _, b in work.pairs}
    with work.pool.workspace() as memory:
        for at in range(start, stop, BLOCK_ROWS):
            end = min(at + BLOCK_ROWS, stop)
            rows = work.groups.order[at:end]
            plain = left_used if work.right is not None else left_used | right_used
            left = {k: work.columns(k, rows, memory, "left") for k in plain}
            right = left
            if work.right is not None:
                right = {k: work.columns(k, work.right[at:end], memory, "right") for k in right_used}
            for a, b in work.pairs:
                product = left[a].product(right[b])
                if (a, b) in sums:
                    sums[a, b] += product
                else:
                    sums[a, b] = product.to(TORCH_DTYPE[np.dtype(np.float64)])
    return {(group, a, b): value.cpu().numpy() for (a, b), value in sums.items()}


def _combine(states: list[State]) -> State:
    first, *others = states
    for other in others:
        for key, value in other.items():
            if key in first:
                first[key] += value
            else:
                first[key] = value
    return first


def pair_bytes(representations: Sequence[Representation], pair: Pair, groups: int) -> int:
    """Bytes that the matrices of one pair take."""
    a, b = (representations[k].d + 2 for k in pair)
    return 8 * a * b * groups


def batches(
    representations: Sequence[Representation], pairs: Sequence[Pair], groups: int, budget: float
) -> Iterator[list[Pair]]:
    """Runs of `pairs` whose matrices fit `budget` together; at least one pair."""
    batch: list[Pair] = []
    used = 0.0
    for pair in pairs:
        size = pair_bytes(representations, pair, groups)
        if batch and used + size > budget:
            yield batch
            batch, used = [], 0.0
        batch.append(pair)
        used += size
    if batch:
        yield batch


def over_groups(state: State, pair: Pair, masks: np.ndarray) -> Iterator[np.ndarray]:
    """Z_a'Z_b summed over the groups of each mask (subset, group)."""
    matrices = [state[g, *pair] for g in range(masks.shape[1])]
    whole = np.sum(matrices, axis=0)
    for mask in masks:
        if mask.sum() * 2 > len(mask):
            # Most groups take part: take the few others away. Sums of like terms, so nothing cancels but rounding.
            yield whole - sum(matrices[g] for g in np.flatnonzero(~mask)) if not mask.all() else whole
        else:
            yield np.sum([matrices[g] for g in np.flatnonzero(mask)], axis=0)
