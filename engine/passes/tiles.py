"""The tile pass: every pair of row blocks (i <= j) once, a Gram tile per representation, all statistics at once.

Cost n² (Σd + R²) flops for R representations with d units each. Memory: two strips of rows and R tiles a thread.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from consilience.engine.costs.tiles import kept_memory
from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups
from consilience.engine.passes import executors
from consilience.engine.passes.blocks import TORCH_DTYPE, Block, Frame, load, products
from consilience.engine.passes.executors import Run
from consilience.engine.passes.layout import Layout
from consilience.engine.passes.low import Low
from consilience.engine.passes.spaces import COSINE, needs_raw, normalised
from consilience.engine.passes.tile import Statistic, Tile
from consilience.engine.passes.workspace import Pool, Workspace

FEW_ENTRIES, RANKED = 2**15, 16  # entries of a tile, and how many of them take as long as one that is ranked


@runtime_checkable
class Aside(Protocol):
    """A statistic with tasks of its own, done beside the tiles: `beside` for each of `aside`, which yields a state."""

    def aside(self, work: "TilePass") -> Sequence[int]: ...

    def beside(self, work: "TilePass", k: int) -> Any: ...


@dataclass(frozen=True)
class TilePass:
    """Everything a task needs, sent to it once."""

    representations: tuple[Representation, ...]
    frames: tuple[Frame, ...]
    groups: Groups
    layout: Layout
    statistics: tuple[Statistic, ...]
    dtype: np.dtype
    device: str
    medians: tuple[float, ...] | None = None  # pairwise distances in the frames, where a space wants them
    low: tuple[Low, ...] = ()  # how Gram tiles are made of fewer digits than `dtype` has, if they are
    budget: float = 0.0  # bytes, of which rows may take a share
    pool: Pool = field(default_factory=Pool, compare=False)

    @cached_property
    def unit(self) -> bool:
        """Whether cosines are all that is wanted: rows are then brought to length 1 once, and not in every tile."""
        return all(s.space in (COSINE, "cosine") for s in self.statistics) and not any(
            r.rdm for r in self.representations
        )

    @cached_property
    def norms(self) -> bool:
        return self.unit or any(s.space != "linear" for s in self.statistics)

    @cached_property
    def raw(self) -> bool:
        return not self.unit and any(needs_raw(s.space) for s in self.statistics)

    def load(self, rows: slice | np.ndarray, memory: Workspace | None = None, name: str = "") -> Block:
        """Those pass rows of every representation, in the piece of `memory` of that name if given."""
        order, frames = self.groups.order[rows], self.frames
        into = None if memory is None else memory.rows(name, self.representations, len(order), self.dtype)
        if self.unit:
            frames = tuple(replace(f, origin=np.zeros_like(f.origin)) for f in frames)
        block = load(self.representations, frames, order, self.dtype, self.device, self.norms, self.raw, into)
        if self.unit:
            block = normalised(block)
        return self.shortened(block) if self.low else block

    def shortened(self, block: Block) -> Block:
        """The same in few digits, for which its rows are used up."""
        low = [low.rows(x) for low, x in zip(self.low, block.x)]
        return replace(block, x=[x.new_empty(len(x), 0) for x in block.x], low=low)

    @cached_property
    def keeps(self) -> bool:
        """Whether all rows are so few that each is read once and kept, for all tasks of a process."""
        units = sum(1 if r.rdm else r.d for r in self.representations)
        return kept_memory(self.groups.n, units, self.dtype.itemsize, self.budget) > 0

    @cached_property
    def small(self) -> bool:
        """Whether tiles are so small that threads would wait for each other's turn in Python longer than compute."""
        ranked = any(s.space.endswith("/ranks") for s in self.statistics)
        rows = self.groups.n / self.layout.count
        return len(self.representations) * rows**2 * (RANKED if ranked else 1) < FEW_ENTRIES

    def strip(self, blocks: range, memory: Workspace) -> Block:
        """The rows of a strip of blocks, not read again where they are kept or the last task left them in `memory`."""
        rows = self.layout.span(blocks)
        if self.keeps:
            block: Block = self.pool.shared(self, blocks, partial(self.load, rows))
            return block
        if memory.held is None or memory.held[0] is not self or memory.held[1] != blocks:
            memory.held = self, blocks, self.load(rows, memory, "held")
        block = memory.held[2]
        return block

    def block(self, j: int, strip: range, memory: Workspace) -> Block:
        """The rows of block j of that strip."""
        rows = self.layout.rows(j)
        if not self.keeps:
            return self.load(rows, memory, "block")
        return self.strip(strip, memory)[_shift(rows, self.layout.span(strip).start)]

    def gram(self, k: int, i: Block, j: Block, out: torch.Tensor) -> None:
        """The Gram tile of representation k, the rows of `i` with those of `j`, in `out`."""
        if self.low:
            self.low[k].product(i.low[k], j.low[k], out)
        else:
            products(self.representations[k], self.frames[k], i.x[k], j.x[k], out)

    def only(self, r: int) -> "TilePass":
        """The same of representation r alone."""
        one = slice(r, r + 1)
        return replace(
            self, representations=self.representations[one], frames=self.frames[one], low=self.low[one],
            medians=self.medians and self.medians[one],
        )  # fmt: skip

    def constants(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Squared norms of the scaled origins, unit counts, median distances, and which are RDMs, each (R,)."""
        origin2 = [float(((f.origin * f.scale) ** 2).sum()) for f in self.frames]
        width = [r.d for r in self.representations]
        kind = {"dtype": TORCH_DTYPE[self.dtype], "device": self.device}
        median = self.medians or [float("nan")] * len(width)
        numbers = (torch.tensor(values, **kind) for values in (origin2, width, median))  # type: ignore[arg-type]
        return *numbers, torch.tensor([r.rdm for r in self.representations])  # type: ignore[return-value]


def sweep(
    work: TilePass,
    *,
    strip_rows: int,
    run: Run = executors.run,
    stage: str = "tiles",
) -> list[Any]:
    """The final state of each statistic after one sweep over all pairs of blocks. `run` executes the tasks."""
    strips = work.layout.strips(strip_rows)
    pairs = [(a, b) for a in range(len(strips)) for b in range(a, len(strips))]
    sizes = [len(range(work.groups.n)[work.layout.span(s)]) for s in strips]
    costs = [float(sizes[a] * sizes[b]) * (0.5 if a == b else 1.0) for a, b in pairs]
    calls: list[tuple[Any, ...]] = [(_task, work, strips[a], strips[b]) for a, b in pairs]
    for s, statistic in enumerate(work.statistics):
        if isinstance(statistic, Aside):
            calls += [(_aside, work, s, k) for k in statistic.aside(work)]
    costs += [0.0] * (len(calls) - len(costs))
    if work.small:
        run = executors.in_turn(run)
    try:
        return run(_call, calls, _Combine(work.statistics), costs=costs, stage=stage)
    finally:
        work.pool.forget()


def _call(function: Callable[..., list[Any]], *arguments: Any) -> list[Any]:
    return function(*arguments)


@dataclass(frozen=True)
class _Combine:
    statistics: tuple[Statistic, ...]

    def __call__(self, states: list[list[Any]]) -> list[Any]:
        return [s.combine([state[k] for state in states]) for k, s in enumerate(self.statistics)]


def _task(work: TilePass, strip_i: range, strip_j: range) -> list[Any]:
    """All tiles of strip i with strip j (blocks i <= j), accumulated into fresh states."""
    if work.device == "cpu":
        torch.set_num_threads(1)  # the tasks are the threads
    with work.pool.workspace() as memory:
        return _tiles(work, strip_i, strip_j, memory)


def _aside(work: TilePass, statistic: int, k: int) -> list[Any]:
    """States of a task that is not about tiles."""
    if work.device == "cpu":
        torch.set_num_threads(1)
    states = [s.empty() for s in work.statistics]
    states[statistic] = work.statistics[statistic].beside(work, k)  # type: ignore[attr-defined]
    return states


def _tiles(work: TilePass, strip_i: range, strip_j: range, memory: Workspace) -> list[Any]:
    layout, start = work.layout, work.layout.span(strip_i).start
    states = [s.empty() for s in work.statistics]
    constants = work.constants()
    held = work.strip(strip_i, memory)
    for j in strip_j:
        block_j = held[_shift(layout.rows(j), start)] if j in strip_i else work.block(j, strip_j, memory)
        partners = [i for i in strip_i if i <= j]
        block_i = held[: int(layout.edges[partners[-1] + 1]) - start]
        columns = len(block_j.x[0])
        shape = (len(block_i.x), len(block_i.x[0]), columns)
        grams = memory.aligned("grams", shape, work.dtype, work.device)
        grams[:, :, columns:] = 0
        for k in range(len(grams)):
            # One product for all blocks of the strip: operands are packed once.
            work.gram(k, block_i, block_j, grams[k, :, :columns])
        for i in partners:
            rows_i = _shift(layout.rows(i), start)
            tile = Tile(i, j, layout, grams[:, rows_i], held[rows_i], block_j, *constants, unit=work.unit)
            for statistic, state in zip(work.statistics, states):
                statistic.chunk(state, tile)
    return states


def _shift(rows: slice, by: int) -> slice:
    return slice(rows.start - by, rows.stop - by)
