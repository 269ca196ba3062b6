"""The tile pass: every pair of row blocks (i <= j) once, a Gram tile per representation, all statistics at once.

Cost n² (Σd + R²) flops for R representations with d units each. Memory: two strips of rows and R tiles a thread.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups
from consilience.engine.passes import executors
from consilience.engine.passes.blocks import TORCH_DTYPE, Block, Frame, load, products
from consilience.engine.passes.executors import Run
from consilience.engine.passes.layout import Layout
from consilience.engine.passes.low import Low
from consilience.engine.passes.spaces import COSINE, needs_raw, normalised, transform
from consilience.engine.passes.workspace import Pool, Workspace


@dataclass
class Tile:
    """Block i against block j: pass rows, groups, the Gram tile, and every other space of it.

    `padded` (R, m_i, at least m_j) holds the Gram tile and zeros to its right, which no sum notices. `unit`: whether
    the rows have length 1 about their true origin, so that it holds cosines.
    """

    i: int
    j: int
    layout: Layout
    padded: torch.Tensor
    rows_i: Block
    rows_j: Block
    origin2: torch.Tensor
    width: torch.Tensor
    median: torch.Tensor
    rdms: torch.Tensor
    unit: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        self._spaces: dict[str, torch.Tensor] = {}

    @property
    def diagonal(self) -> bool:
        return self.i == self.j

    @property
    def group_i(self) -> int:
        return int(self.layout.group[self.i])

    @property
    def group_j(self) -> int:
        return int(self.layout.group[self.j])

    @property
    def gram(self) -> torch.Tensor:
        """(R, m_i, m_j): k_ij = x_i'x_j of the rows in their frames; of an RDM -d_ij / 2."""
        return self.padded[:, :, : len(self.rows_j.x[0])]

    def space(self, name: str) -> torch.Tensor:
        """The tile of that space, made once. A statistic leaves it as it was."""
        if self.unit:
            return self._spaces.setdefault(name, 1 - self.gram) if name == COSINE else self.gram
        if name not in self._spaces:
            self._spaces[name] = transform(
                name, self.gram, self.rows_i, self.rows_j, self.origin2, self.width, self.median, self.rdms
            )
        return self._spaces[name]


class Statistic(Protocol):
    """A reduction over tiles: a value with chunk, combine and finalize. Its states are plain, picklable values."""

    @property
    def space(self) -> str: ...

    def empty(self) -> Any: ...

    def chunk(self, state: Any, tile: Tile) -> None: ...

    def combine(self, states: list[Any]) -> Any: ...


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
        return replace(block, low=[low.rows(x) for low, x in zip(self.low, block.x)])

    def held(self, rows: slice, memory: Workspace) -> Block:
        """As `load`, but not read again where the task before this one left the same rows in `memory`."""
        if memory.kept is None or memory.kept[0] is not self or memory.kept[1] != rows:
            memory.kept = self, rows, self.load(rows, memory, "held")
        block: Block = memory.kept[2]
        return block

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
    sizes = [int(work.layout.edges[s[-1] + 1] - work.layout.edges[s[0]]) for s in strips]
    costs = [float(sizes[a] * sizes[b]) * (0.5 if a == b else 1.0) for a, b in pairs]
    calls: list[tuple[Any, ...]] = [(_task, work, strips[a], strips[b]) for a, b in pairs]
    for s, statistic in enumerate(work.statistics):
        if isinstance(statistic, Aside):
            calls += [(_aside, work, s, k) for k in statistic.aside(work)]
    costs += [0.0] * (len(calls) - len(costs))
    return run(_call, calls, _Combine(work.statistics), costs=costs, stage=stage)


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
    layout, start = work.layout, int(work.layout.edges[strip_i[0]])
    states = [s.empty() for s in work.statistics]
    constants = work.constants()
    held = work.held(slice(start, int(layout.edges[strip_i[-1] + 1])), memory)
    for j in strip_j:
        rows_j = layout.rows(j)
        block_j = held[_shift(rows_j, start)] if j in strip_i else work.load(rows_j, memory, "block")
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
