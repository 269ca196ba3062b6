"""The moment pass: X_a'X_b of the wanted pairs, sums of rows and of norms, per group of rows, in one sweep.

Cost n d_a d_b multiply-adds a pair, half of that for a representation with itself. Memory: the matrices themselves,
whatever n is. Block products are made in the dtype of the pass and added up in float64.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import isqrt
from typing import Any

import numpy as np
import torch

from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups
from consilience.engine.linalg import product
from consilience.engine.passes import executors
from consilience.engine.passes.blocks import Frame, centred
from consilience.engine.passes.executors import Run
from consilience.engine.passes.moment_state import Moments, Pair, State, combine
from consilience.engine.passes.workspace import Pool, Workspace

BLOCK_ROWS = 4096
TASK_BLOCKS = 16


@dataclass(frozen=True)
class MomentPass:
    """Everything a task needs. With `right`, representation b of a pair is read in that order of rows instead.

    `norms`: whether sums with ‖x‖² are wanted, as second-order metrics do; not together with `right`. `squares`: the
    representations of which Σ x² of every unit is wanted; each is in a pair.
    """

    representations: tuple[Representation, ...]
    frames: tuple[Frame, ...]
    groups: Groups
    pairs: tuple[Pair, ...]
    dtype: np.dtype
    device: str
    right: np.ndarray | None = None
    norms: bool = False
    squares: tuple[int, ...] = ()
    pool: Pool = field(default_factory=Pool, compare=False)

    @cached_property
    def lefts(self) -> list[int]:
        """Representations read in the order of the groups."""
        return sorted({a for a, _ in self.pairs} | (set() if self.right is not None else set(self.rights)))

    @cached_property
    def rights(self) -> list[int]:
        """Representations on the right of a pair."""
        return sorted({b for _, b in self.pairs})

    def norm(self, k: int) -> int:
        """The column of F that holds ‖x‖² of representation k."""
        return 1 + self.lefts.index(k)

    def rows(
        self, wanted: list[int], rows: np.ndarray, memory: Workspace, name: str
    ) -> dict[int, torch.Tensor]:
        """Those rows (m, d) of each representation, in pieces of `memory`."""
        return {
            k: centred(
                self.representations[k], self.frames[k], rows, self.dtype, self.device,
                memory.piece(f"{name} {k}", (len(rows), self.representations[k].d), self.dtype),
            )
            for k in wanted
        }  # fmt: skip

    def first(self, left: dict[int, torch.Tensor]) -> torch.Tensor:
        """F (m, f) of a block."""
        some = next(iter(left.values()))
        first = some.new_ones(len(some), 1 + len(left) * self.norms)
        for column, x in enumerate(left.values() if self.norms else (), start=1):
            torch.linalg.vector_norm(x, dim=1, out=first[:, column])
            first[:, column].square_()
        return first


def moments(work: MomentPass, *, run: Run = executors.run, stage: str = "moments") -> State:
    """The sums of every group. `run` executes the tasks."""
    calls = [(work, *rows) for rows in runs(work.groups, run.workers)]
    costs = [float(stop - start) for _, _, start, stop in calls]
    return run(_task, calls, combine, costs=costs, stage=stage)


def runs(groups: Groups, workers: int) -> Iterator[tuple[int, int, int]]:
    """Group, first and last + 1 of runs of rows, each inside one group, so many that the workers end together."""
    target = max(BLOCK_ROWS, min(TASK_BLOCKS * BLOCK_ROWS, groups.n // (8 * workers)))
    for g, (start, stop) in enumerate(pairwise(groups.edges)):
        pieces = max(1, -(-(stop - start) // target))
        if pieces > 1 and groups.count < workers:
            pieces = -(-pieces // workers) * workers
        edges = np.linspace(start, stop, pieces + 1).round().astype(int)
        for a, b in pairwise(edges):
            yield g, int(a), int(b)


def _task(work: MomentPass, group: int, start: int, stop: int) -> State:
    if work.device == "cpu":
        torch.set_num_threads(1)  # the tasks are the threads
    first: dict[str, torch.Tensor] = {}
    lefts: dict[int, torch.Tensor] = {}
    rights: dict[int, torch.Tensor] = {} if work.right is not None else lefts
    products: dict[Pair, torch.Tensor] = {}
    squares: dict[int, torch.Tensor] = {}
    with work.pool.workspace() as memory:
        for at in range(start, max(stop, start + 1), BLOCK_ROWS):  # a group without rows gives sums of 0
            end = min(at + BLOCK_ROWS, stop)
            left = work.rows(work.lefts, work.groups.order[at:end], memory, "left")
            right = left
            weights = work.first(left).T
            _add(first, "first", weights @ weights.T)
            for k, x in left.items():
                _add(lefts, k, weights @ x)
            if work.right is not None:
                right = work.rows(work.rights, work.right[at:end], memory, "right")
                for k, x in right.items():
                    _add(rights, k, weights @ x)
            for k in work.squares:
                _add(squares, k, left[k].square().sum(dim=0, dtype=torch.float64))
            for a, b in work.pairs:
                _add(products, (a, b), _product(work, left[a], right[b], memory))
    done = Moments(first["first"].cpu().numpy(), _arrays(lefts), {}, _arrays(products), _arrays(squares))
    done.right = done.left if work.right is None else _arrays(rights)
    return {group: done}


def _product(work: MomentPass, x: torch.Tensor, y: torch.Tensor, memory: Workspace) -> torch.Tensor:
    """X'Y, in a piece of `memory`."""
    d, width = x.shape[1], y.shape[1]
    return product(x.T, y, out=memory.aligned("product", (d, width), work.dtype, work.device)[:, :width])


def _add(into: dict[Any, torch.Tensor], key: object, value: torch.Tensor) -> None:
    if key not in into:
        into[key] = value.to(torch.float64, copy=True)
    elif value.is_cpu:  # torch would make a copy of `value` in float64 first: five times as long
        total = into[key].numpy()
        total += value.numpy()
    else:
        into[key] += value


def _arrays(sums: dict[Any, torch.Tensor]) -> dict[Any, np.ndarray]:
    return {key: value.cpu().numpy() for key, value in sums.items()}


def pair_bytes(representations: Sequence[Representation], pair: Pair, groups: int) -> int:
    """Bytes that the matrices of one pair take."""
    a, b = (representations[k].d for k in pair)
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


def near(
    representations: Sequence[Representation], pairs: Sequence[Pair], groups: int, budget: float
) -> list[Pair]:
    """The same pairs in squares of about as many as fit `budget`: p pairs of one batch are then of 2√p or 3√p
    representations, and every sweep reads those few."""
    if not pairs:
        return []
    side = max(1, isqrt(int(budget // max(pair_bytes(representations, pair, groups) for pair in pairs))))
    return sorted(pairs, key=lambda pair: (pair[0] // side, pair[1] // side, pair))
