"""The rows that a step is fitted on, seen block by block, and the features that come of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.representation import Representation
from consilience.engine.linalg import one_thread
from consilience.engine.passes import executors
from consilience.engine.passes.executors import Run
from consilience.engine.preprocessing.registry import Asked, Step

Combine = Callable[[list[Any]], Any]
BLOCK_BYTES = 4 << 20  # of float64; what a step makes of a block stays near the cache
TASK_BLOCKS = 16


def working_dtype(dtype: np.dtype) -> np.dtype:
    """float32 for float32 and float16, whose range and digits are too few; float64 for everything else."""
    narrow = dtype.kind == "f" and dtype.itemsize <= 4
    return np.dtype(np.float32 if narrow else np.float64)


def block_rows(d: int) -> int:
    """Rows of a block of d units."""
    return max(1, BLOCK_BYTES // (8 * d))


@dataclass(frozen=True)
class Preprocessed:
    """The rows of a representation with fitted steps applied, each time they are read. A `Source`."""

    of: Representation
    asked: tuple[Asked, ...]
    steps: tuple[Step, ...]
    d: int

    @property
    def dtype(self) -> np.dtype:
        return working_dtype(self.of.dtype)

    @property
    def at_hand(self) -> bool:
        return self.of.at_hand and self.d == self.of.d  # other widths take a matrix product

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """See `Representation.take`."""
        raw = self.of.take(rows)  # at once: a Dask array computes its chunks anew for every call
        if out is None:
            out = np.empty((len(rows), self.d), self.dtype)
        step = block_rows(max(self.of.d, self.d))
        for start in range(0, len(rows), step):
            out[start : start + step] = self.applied(raw[start : start + step])
        return out

    def applied(self, x: np.ndarray) -> np.ndarray:
        """The steps on a block of rows, one after the other."""
        x = x.astype(self.dtype, copy=False)
        # What is not finite is counted, and refused, where the steps are fitted.
        with np.errstate(over="ignore", invalid="ignore"):
            for step in self.steps:
                x = step.apply(x).astype(self.dtype, copy=False)
        return x


@dataclass(frozen=True)
class Rows:
    """All n rows of a representation, the steps before applied. `run` executes tasks; see `passes.executors.run`."""

    representation: Representation
    seed: int = 0
    run: Run = executors.run

    @property
    def n(self) -> int:
        return self.representation.n

    @property
    def d(self) -> int:
        return self.representation.d

    @property
    def dtype(self) -> np.dtype:
        return self.representation.dtype

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Those rows, (m, d)."""
        return self.representation.take(rows)

    def fold(self, function: Callable[[np.ndarray], Any], combine: Combine = sum) -> Any:
        """`combine` of `function(block)` over all blocks of rows (m, d), in their order, in float32 or float64.

        Blocks depend on n and d alone, so that the last digit is the same on every machine.

        Raises:
            BadInput: if the steps before made a value that is not finite; it counts the samples.
        """
        rows = block_rows(self.d)
        length = TASK_BLOCKS * rows
        calls = [
            (self.representation, function, combine, range(start, min(start + length, self.n), rows))
            for start in range(0, self.n, length)
        ]
        with one_thread():
            found, bad = self.run(_task, calls, partial(_combined, combine), stage="preprocessing")
        if bad:
            raise BadInput(
                "finite features", f"NaN or infinity in {bad} of {self.n} samples",
                "leave a step out, or divide the features by their largest value first",
            )  # fmt: skip
        return found


def _task(
    representation: Representation, function: Callable[[np.ndarray], Any], combine: Combine, starts: range
) -> tuple[Any, int]:
    """The combined values of some blocks, and how many of their rows are not finite."""
    parts: list[tuple[Any, int]] = []
    for start in starts:
        block = representation.take(np.arange(start, min(start + starts.step, starts.stop)))
        with np.errstate(over="ignore", invalid="ignore"):
            bad = 0 if np.isfinite(block.sum()) else int((~np.isfinite(block).all(axis=1)).sum())
            parts = [_combined(combine, [*parts, (function(block), bad)])]
    return parts[0]


def _combined(combine: Combine, parts: list[tuple[Any, int]]) -> tuple[Any, int]:
    values, bad = zip(*parts)
    return combine(list(values)), sum(bad)
