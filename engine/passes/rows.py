"""The row pass: sums of the rows and of their directions, per group of rows. Every feature is looked at once.

In float64 on the features as they are, so that a mean keeps its digits however far from the origin the samples lie.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups
from consilience.engine.passes import executors
from consilience.engine.passes.executors import Run
from consilience.engine.passes.moment_state import combine
from consilience.engine.passes.moments import BLOCK_ROWS, runs


@dataclass
class RowSums:
    """Sums over some rows x of one representation: Σ x (d,), Σ x/‖x‖ (d,), Σ ‖x‖, and how many rows are not 0."""

    rows: np.ndarray
    directions: np.ndarray
    lengths: float
    directed: int

    def add(self, other: "RowSums") -> None:
        """Enter the sums over other rows."""
        self.rows += other.rows
        self.directions += other.directions
        self.lengths += other.lengths
        self.directed += other.directed


State = dict[tuple[int, int], RowSums]  # by representation and group


@dataclass(frozen=True)
class Means:
    """Means over n rows: of x (d,), of x/‖x‖ (d,) over the `directed` rows that are not 0, and of ‖x‖."""

    n: int
    directed: int
    mean: np.ndarray
    direction: np.ndarray
    typical: float

    @property
    def length(self) -> float:
        """‖mean‖."""
        largest = float(np.abs(self.mean).max())
        return largest * float(np.linalg.norm(self.mean / largest)) if largest else 0.0

    @property
    def rounding(self) -> float:
        """The length that rounding may give to a mean of 0."""
        return self.typical * max(self.n, len(self.mean)) * float(np.finfo(np.float64).eps)


def row_sums(representations: Sequence[Representation], groups: Groups, *, run: Run = executors.run) -> State:
    """The sums of every group of rows. `run` executes the tasks."""
    calls = [(representations, groups, *rows) for rows in runs(groups, run.workers)]
    costs = [float(stop - start) for *_, start, stop in calls]
    return run(_task, calls, combine, costs=costs, stage="row sums")


def _task(
    representations: Sequence[Representation], groups: Groups, group: int, start: int, stop: int
) -> State:
    state: State = {}
    for at in range(start, stop, BLOCK_ROWS):
        rows = groups.order[at : min(at + BLOCK_ROWS, stop)]
        for r, representation in enumerate(representations):
            state = combine([state, {(r, group): _sums(representation.take(rows).astype(np.float64))}])
    return state


def _sums(x: np.ndarray) -> RowSums:
    largest = np.abs(x).max(axis=1)  # squares of 1e200 would overflow
    directed = largest > 0
    largest[~directed] = 1.0
    scaled = x / largest[:, None]
    norms = np.sqrt(np.einsum("id,id->i", scaled, scaled))
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=directed)
    return RowSums(x.sum(axis=0), inverse @ scaled, float(largest @ norms), int(directed.sum()))


def means(state: State, representation: int, groups: Groups, mask: np.ndarray) -> Means:
    """The means of one representation over the groups of `mask` (groups,)."""
    inside = [state[representation, int(g)] for g in np.flatnonzero(mask)]
    n, directed = int(groups.sizes[mask].sum()), sum(s.directed for s in inside)
    rows, directions = (np.sum([getattr(s, k) for s in inside], axis=0) for k in ("rows", "directions"))
    with np.errstate(invalid="ignore"):
        direction = directions / np.float64(directed)
    return Means(n, directed, rows / n, direction, sum(s.lengths for s in inside) / n)
