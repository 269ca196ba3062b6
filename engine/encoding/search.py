"""The penalty of every response, chosen inside the training folds, and the scores on the fold held out.

Nested, with F folds: for outer fold f every other fold g is set aside in turn, maps are fitted on the F - 2 that
remain, and the penalty with the least mean squared error over the folds g is chosen; the map with that penalty,
fitted on all F - 1 training folds, is scored on f. The maps without f and g serve both f and g, so there are F (F -
1) / 2 inner and F outer eigendecompositions for each weighting of spaces, all from the same sums. It is what
himalaya's RidgeCV does on the training rows of each outer fold.

Not nested: the penalty with the least error over all F folds, one for all of them, as RidgeCV chooses it; the scores
are those on the same folds, and a little too good for it. F eigendecompositions.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import torch

from consilience.engine.encoding import ridge
from consilience.engine.encoding.statistics import Design, Targets
from consilience.engine.passes import executors
from consilience.engine.passes.executors import Run

SLOPE = (
    1e-10  # of log10(penalty), taken from the error: of penalties that fit equally well the larger is chosen
)
TASK_UNITS = 2048


Kept = dict[int, tuple[ridge.Test, ridge.Predicted]]  # by the fold held out


@dataclass(frozen=True)
class Search:
    """Penalties (K,), `weightings` (Γ, B) of B spaces that add up to 1, and how the choice is made."""

    penalties: np.ndarray
    weightings: np.ndarray
    nested: bool
    standardise: bool


@dataclass
class Best:
    """Of every response the best so far. C = F nested, else 1 choice.

    Attributes:
        merit: (C, v) minus the mean squared error of the inner folds, in units of the variance.
        inner: (C, v) mean R² of those folds.
        penalty: (C, v) α. weighting: (C, v) its number.
        r, r2: (F, v) on the held-out folds.
    """

    merit: np.ndarray
    inner: np.ndarray
    penalty: np.ndarray
    weighting: np.ndarray
    r: np.ndarray
    r2: np.ndarray


def inner_splits(folds: int, nested: bool) -> list[tuple[tuple[int, ...], list[tuple[int, int]]]]:
    """Folds left out together, and which choice each scored fold of them counts for: (choice, scored fold)."""
    if nested:
        return [((f, g), [(f, g), (g, f)]) for f, g in combinations(range(folds), 2)]
    return [((f,), [(0, f)]) for f in range(folds)]


@dataclass(frozen=True)
class Solvers:
    """The decompositions for one weighting of spaces: of every inner split, and of every outer fold."""

    inner: list[ridge.Solver]
    outer: list[ridge.Solver]


def decomposed(of: Design, search: Search, weighting: int, run: Run) -> Solvers:
    """All decompositions for a weighting; `run` runs tasks."""
    folds = len(of.n)
    weights = np.empty(of.sum.shape[1])
    for gamma, units in zip(search.weightings[weighting], of.spaces):
        weights[units] = gamma
    splits = [out for out, _ in inner_splits(folds, search.nested)]
    wanted = splits + ([(f,) for f in range(folds)] if search.nested else [])
    calls = [(of, out, weights, search.standardise, search.penalties) for out in wanted]
    found = run(_decompose, calls, executors.joined, stage="decompositions")
    return Solvers(found[: len(splits)], found[-folds:])


def _decompose(
    of: Design, without: tuple[int, ...], weights: np.ndarray, standardise: bool, penalties: np.ndarray
) -> list[ridge.Solver]:
    return [ridge.solver(of, without, without, weights, standardise, penalties)]


def searched(of: Design, y: Targets, search: Search, solvers: Callable[[int], Solvers], run: Run) -> Best:
    """The best penalty and weighting of every response, and its scores.

    Args:
        solvers: the decompositions for each weighting, by its number.
    """
    folds, count = y.sum.shape
    choices = folds if search.nested else 1
    nothing, unscored = np.full((choices, count), np.nan), np.full((folds, count), np.nan)
    best = Best(
        np.full((choices, count), -np.inf), nothing, nothing.copy(), np.zeros((choices, count), int), unscored,
        unscored.copy(),
    )  # fmt: skip
    rounds = -(
        -count // (TASK_UNITS * run.workers)
    )  # of as many tasks as there are workers, which end together
    edges = np.linspace(0, count, min(count, rounds * run.workers) + 1).round().astype(int)
    parts = [slice(int(a), int(b)) for a, b in pairwise(edges)]
    for k in range(len(search.weightings)):
        ready = solvers(k)
        calls = [(of, y, part, search, ready) for part in parts]
        for part, found in run(_task, calls, executors.joined, stage="penalties"):
            _enter(best, part, found, k, np.finfo(of.dtype).eps)
    return best


def _enter(best: Best, part: slice, found: Best, weighting: int, least: float) -> None:
    """Take over what is better than before."""
    better = found.merit > best.merit[:, part] + (least if weighting else 0.0)
    found.weighting[:] = weighting
    for name in ("merit", "inner", "penalty", "weighting", "r", "r2"):
        into, values = getattr(best, name)[:, part], getattr(found, name)
        np.copyto(into, values, where=np.broadcast_to(better, values.shape))


def _task(of: Design, y: Targets, part: slice, search: Search, solvers: Solvers) -> list[tuple[slice, Best]]:
    if of.device == "cpu":
        torch.set_num_threads(1)  # the tasks are the threads
    y = y.only(part, of.dtype)
    kept: Kept = {}
    merit, inner = _inner(of, y, search, solvers.inner, kept)
    chosen = merit.argmax(axis=1)  # (C, v)
    at = (np.arange(len(chosen))[:, None], chosen, np.arange(chosen.shape[1]))
    penalty = search.penalties[chosen]
    r, r2 = zip(*(_picked(kept, chosen[0]) if kept else _outer(of, y, penalty, solvers.outer)))
    return [(part, Best(merit[at], inner[at], penalty, np.zeros_like(chosen), np.array(r), np.array(r2)))]


def _inner(
    of: Design, y: Targets, search: Search, solvers: Sequence[ridge.Solver], kept: Kept
) -> tuple[np.ndarray, np.ndarray]:
    """Minus the mean squared error, in units of the variance, and R², of every choice and penalty: each (C, K, v).

    Both are means over inner folds. Where choices are not nested these are the outer folds too, and what was predicted
    of them is left in `kept`.
    """
    folds, count = y.sum.shape
    shape = (folds if search.nested else 1, len(search.penalties), count)
    merit, r2 = np.zeros(shape), np.zeros(shape)
    together = max(1, TASK_UNITS // count)  # maps side by side, where responses are few
    for s, (_, scored) in zip(solvers, inner_splits(folds, search.nested)):
        fitted, tests = ridge.seen(s, of, y)
        for choice, fold in scored:
            t = tests[fold]
            found = ridge.predicted_by_all(s, fold, t, fitted, together)
            error = ridge.error(t, found)
            merit[choice] -= error / t.n
            with np.errstate(invalid="ignore", divide="ignore"):
                r2[choice] += 1 - error / t.total
            if not search.nested:
                kept[fold] = t, found
    inner = folds - 1 if search.nested else folds
    return merit / (inner * _variance(of, y)) + SLOPE * np.log10(search.penalties)[:, None], r2 / inner


def _variance(of: Design, y: Targets) -> np.ndarray:
    """(v,) over all rows, a unit for errors and nothing else: responses may be in teslas. 1 where there is none."""
    n = of.n.sum()
    variance = y.squares.sum(axis=0) / n - (y.sum.sum(axis=0) / n) ** 2
    return np.where(variance > 0, variance, 1.0)


def _outer(
    of: Design, y: Targets, penalty: np.ndarray, solvers: Sequence[ridge.Solver]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """r and R² on every fold, with the penalties (F, v) chosen for it."""
    for fold, s in enumerate(solvers):
        fitted, tests = ridge.seen(s, of, y)
        chosen = torch.tensor(penalty[fold], dtype=s.values.dtype, device=s.values.device)
        yield ridge.scores(tests[fold], ridge.predicted(s, fold, tests[fold], fitted, chosen))


def _picked(kept: Kept, chosen: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same from what was predicted by all penalties, with those of the numbers (v,)."""
    every = np.arange(len(chosen))
    for _, (t, found) in sorted(kept.items()):
        yield ridge.scores(t, ridge.Predicted(*(of[chosen, every] for of in found)))
