"""Every model on every response: the responses stream through in runs of units whose sums fit the memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from consilience.engine.costs.brains import run_units
from consilience.engine.encoding.models import Model, Scored, joined, scored, weightings
from consilience.engine.encoding.search import Search, Solvers, decomposed, inner_splits, searched
from consilience.engine.encoding.sources import beside
from consilience.engine.encoding.statistics import Design, Targets, targets
from consilience.engine.errors import BadInput
from consilience.engine.features.representation import Representation
from consilience.engine.passes.executors import Run

WORKING = 8  # matrices while a covariance is decomposed, on two threads


def solver_bytes(d: int, folds: int, nested: bool, itemsize: int) -> float:
    """Bytes of all decompositions of d features for one weighting: a basis each, and a matrix a held-out fold."""
    splits = inner_splits(folds, nested)
    matrices = sum(1 + len(scored) for _, scored in splits) + 2 * folds * nested
    return float(itemsize) * d**2 * matrices


def check_memory(
    widths: Sequence[int], models: Sequence[Model], folds: int, nested: bool, budget: float
) -> None:
    """Refuse features whose products and decompositions do not fit half of the budget.

    Args:
        widths: d of every space.
    """
    pairs = {tuple(sorted((a, b))) for m in models for a in m.spaces for b in m.spaces}
    products = sum(8.0 * folds * widths[a] * widths[b] for a, b in pairs)
    largest = max(sum(widths[s] for s in m.spaces) for m in models)
    needed = products + solver_bytes(largest, folds, nested, 8) + WORKING * 8.0 * largest**2
    if needed > budget / 2:
        raise BadInput(
            f"products and decompositions of features in half of the budget of {budget / 1e9:.3g} GB",
            f"{needed / 1e9:.3g} GB for {len(widths)} spaces of up to {max(widths):,} features",
            "encode fewer layers at a time, reduce the features or the delays, or raise budget=",
        )  # fmt: skip


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
    run: Run

    def __post_init__(self) -> None:
        self._designs = [self.design.only(model.spaces) for model in self.models]
        self._searches = [
            Search(self.penalties, weightings(len(m.spaces), self.bands, self.seed), self.nested, self.standardise)
            for m in self.models
        ]  # fmt: skip
        self._kept: dict[tuple[int, int], Solvers] = {}
        self._left = self.budget / 2

    def _solvers(self, model: int, weighting: int) -> Solvers:
        key = model, weighting
        if key in self._kept:
            return self._kept[key]
        found = decomposed(self._designs[model], self._searches[model], weighting, self.run)
        d, itemsize = self._designs[model].sum.shape[1], self.design.dtype.itemsize
        if (size := solver_bytes(d, len(self.design.n), self.nested, itemsize)) <= self._left:
            self._left -= size
            self._kept[key] = found
        return found

    @property
    def run_units(self) -> int:
        """So many units are held at a time."""
        folds, d = self.design.sum.shape
        return run_units(folds, d, self.budget)

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
            some = Targets(y.sum, y.squares, tuple(_columns(fold, columns) for fold in y.cross))
            yield scored(searched(design, some, search, solvers, self.run), search.weightings)


def _columns(cross: np.ndarray, columns: Sequence[slice]) -> np.ndarray:
    """X'Y of those features; the sums themselves where those are all."""
    if len(columns) == 1:
        return cross[columns[0]]
    return np.concatenate([cross[units] for units in columns])
