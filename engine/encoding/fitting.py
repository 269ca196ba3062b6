"""Every model on every response: the responses stream through in runs of units whose sums fit the memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from consilience.engine.encoding.models import Model, Scored, joined, scored, weightings
from consilience.engine.encoding.search import Search, Solvers, decomposed, inner_splits, searched
from consilience.engine.encoding.sources import beside
from consilience.engine.encoding.statistics import Design, Targets, targets
from consilience.engine.errors import BadInput
from consilience.engine.features.representation import Representation

RUN_BYTES = 256e6  # of the sums of a run of units: more would save no work
COPIES = 3  # of them while they are added up


@dataclass
class Fitting:
    """Models fitted on the same features. Decompositions are kept for the next responses where they fit `budget`."""

    design: Design
    models: Sequence[Model]
    penalties: np.ndarray
    bands: int
    nested: bool
    standardise: bool
    seed: int
    budget: float
    run: Callable[..., Any]

    def __post_init__(self) -> None:
        self._designs = [self.design.only(model.spaces) for model in self.models]
        self._searches = [
            Search(self.penalties, weightings(len(m.spaces), self.bands, self.seed), self.nested, self.standardise)
            for m in self.models
        ]  # fmt: skip
        self._kept: dict[tuple[int, int], Solvers] = {}
        self._left = self.budget / 2
        for design in self._designs:
            needed = self._solver_bytes(design) + 8.0 * design.sum.shape[1] ** 2
            if needed > self.budget / 2:
                raise BadInput(
                    f"decompositions that fit half of the budget of {self.budget / 1e9:.1f} GB",
                    f"{needed / 1e9:.1f} GB for {design.sum.shape[1]:,} features",
                    "reduce the features or the delays, or raise budget=",
                )  # fmt: skip

    def _solver_bytes(self, design: Design) -> float:
        splits, d = len(inner_splits(len(design.n), self.nested)), design.sum.shape[1]
        held = 2 * splits if self.nested else splits  # matrices of held-out folds
        return float(design.dtype.itemsize) * d**2 * (splits + held + 2 * len(design.n) * self.nested)

    def _solvers(self, model: int, weighting: int) -> Solvers:
        key = model, weighting
        if key in self._kept:
            return self._kept[key]
        found = decomposed(self._designs[model], self._searches[model], weighting, self.run)
        if (size := self._solver_bytes(self._designs[model])) <= self._left:
            self._left -= size
            self._kept[key] = found
        return found

    @property
    def run_units(self) -> int:
        """So many units are held at a time."""
        folds, d = self.design.sum.shape
        return max(1, int(min(RUN_BYTES, self.budget / (2 * COPIES)) / (8 * folds * d)))

    def cut(self, responses: Sequence[Representation]) -> list[Representation]:
        """The units of all responses, side by side, in runs that can be held."""
        count = sum(r.d for r in responses)
        edges = [*range(0, count, self.run_units), count]
        return [beside(responses, slice(a, b)) for a, b in pairwise(edges)]

    def scores(self, responses: Sequence[Representation]) -> list[Scored]:
        """Each model on every unit of the responses, side by side."""
        runs = [list(self._run(targets(self.design, some, self.run))) for some in self.cut(responses)]
        return [joined(parts) for parts in zip(*runs)]

    def _run(self, y: Targets) -> Iterator[Scored]:
        for k, (model, design, search) in enumerate(zip(self.models, self._designs, self._searches)):

            def solvers(weighting: int, k: int = k) -> Solvers:
                return self._solvers(k, weighting)

            columns = [self.design.spaces[s] for s in model.spaces]
            some = Targets(y.sum, y.squares, _columns(y.cross, columns))
            yield scored(searched(design, some, search, solvers, self.run), search.weightings)


def _columns(cross: np.ndarray, columns: Sequence[slice]) -> np.ndarray:
    """X'Y of those features; the sums themselves where those are all."""
    if len(columns) == 1:
        return cross[:, columns[0]]
    return np.concatenate([cross[:, units] for units in columns], axis=1)
