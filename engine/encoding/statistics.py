"""The sums of every fold, and what follows from them for the rows of all others: centred about their means.

Training statistics are the sums of all folds but those held out; means are always those of the training rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups
from consilience.engine.passes.blocks import Frame, frame
from consilience.engine.passes.executors import Run
from consilience.engine.passes.moment_state import Moments, Pair, State
from consilience.engine.passes.moments import MomentPass, moments


@dataclass(frozen=True)
class Design:
    """Sums of features over the rows of each of F folds: `n` (F,), `sum` (F, d), and X_a'X_b (F, d_a, d_b) of the pairs
    a <= b of spaces that are fitted together.

    The features are those of several spaces side by side, `spaces` the units of each; `frames` are what was subtracted.
    """

    n: np.ndarray
    sum: np.ndarray
    products: Mapping[Pair, np.ndarray]
    spaces: tuple[slice, ...]
    representations: tuple[Representation, ...]
    frames: tuple[Frame, ...]
    groups: Groups
    device: str
    dtype: np.dtype

    def only(self, spaces: Sequence[int]) -> "Design":
        """With those spaces alone, in that order."""
        units = np.concatenate([np.arange(self.spaces[s].start, self.spaces[s].stop) for s in spaces])
        pairs = [(i, j) for i in range(len(spaces)) for j in range(i, len(spaces))]
        return replace(
            self, sum=self.sum[:, units],
            products={(i, j): self._product(spaces[i], spaces[j]) for i, j in pairs},
            spaces=side_by_side([self.representations[s] for s in spaces]),
            representations=tuple(self.representations[s] for s in spaces),
            frames=tuple(self.frames[s] for s in spaces),
        )  # fmt: skip

    def _product(self, a: int, b: int) -> np.ndarray:
        return self.products[a, b] if a <= b else self.products[b, a].swapaxes(1, 2)

    def _over(self, folds: Sequence[int]) -> np.ndarray:
        """X'X (d, d) over the rows of those folds."""
        d = self.sum.shape[1]
        found = np.empty((d, d))
        for (a, b), product in self.products.items():
            some = sum(product[f] for f in folds)
            found[self.spaces[a], self.spaces[b]] = some
            found[self.spaces[b], self.spaces[a]] = some.T
        return found

    def covariance(self, without: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Means (d,) and Xc'Xc (d, d) of the rows of all folds but those."""
        kept = [f for f in range(len(self.n)) if f not in without]
        n = self.n[kept].sum()
        mean = self.sum[kept].sum(axis=0) / n
        return mean, self._over(kept) - n * np.multiply.outer(mean, mean)

    def held_out(self, fold: int, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the rows of a fold about `mean`: their mean (d,), and Σ (x - mean)(x - mean)' (d, d)."""
        n, apart = self.n[fold], self.sum[fold] / self.n[fold] - mean
        cross = np.multiply.outer(mean, self.sum[fold])
        return apart, self._over([fold]) - cross - cross.T + n * np.multiply.outer(mean, mean)


@dataclass(frozen=True)
class Targets:
    """Sums over the rows of each fold: `sum`, `squares` (F, v) of the responses, `cross` of each X'Y (d, v)."""

    sum: np.ndarray
    squares: np.ndarray
    cross: tuple[np.ndarray, ...]

    @cached_property
    def total(self) -> np.ndarray:
        """X'Y (d, v) over all folds."""
        found = self.cross[0].copy()
        for fold in self.cross[1:]:
            found += fold
        return found

    def only(self, units: slice, dtype: np.dtype) -> "Targets":
        """Those units, `cross` in that dtype."""
        cross = tuple(np.ascontiguousarray(fold[:, units], dtype) for fold in self.cross)
        return Targets(self.sum[:, units], self.squares[:, units], cross)


def side_by_side(representations: Sequence[Representation]) -> tuple[slice, ...]:
    """The columns of each, of all of them side by side."""
    edges = np.cumsum([0, *(r.d for r in representations)])
    return tuple(slice(int(a), int(b)) for a, b in pairwise(edges))


def _frame(of: Representation) -> Frame:
    """An origin near the mean. The scale stays: penalties are in the unit of the features."""
    return replace(frame(of), scale=1.0)


def design(
    representations: Sequence[Representation],
    pairs: Sequence[Pair],
    groups: Groups,
    dtype: np.dtype,
    device: str,
    run: Run,
) -> Design:
    """The sums of the folds, which are the `groups`, in one pass; products of the `pairs` (a <= b) of spaces."""
    frames = tuple(map(_frame, representations))
    work = MomentPass(tuple(representations), frames, groups, tuple(pairs), dtype, device)
    state = moments(work, run=run, stage="features")
    spaces = side_by_side(representations)
    folds = _folds(state, groups)
    products = {pair: np.stack([fold.products.pop(pair) for fold in folds]) for pair in pairs}
    sums = np.array([np.concatenate([fold.left[k][0] for k in range(len(spaces))]) for fold in folds])
    return Design(
        np.array([fold.first[0, 0] for fold in folds]), sums, products, spaces, tuple(representations), frames,
        groups, device, dtype,
    )  # fmt: skip


def targets(of: Design, responses: Representation, run: Run) -> Targets:
    """X'Y of the folds in one pass, Y (n, v) the responses."""
    last = len(of.spaces)
    work = MomentPass(
        (*of.representations, responses), (*of.frames, _frame(responses)), of.groups,
        tuple((k, last) for k in range(last)), of.dtype, of.device, squares=(last,),
    )  # fmt: skip
    folds = _folds(moments(work, run=run, stage="responses"), of.groups)
    parts = ([fold.products.pop((k, last)) for k in range(last)] for fold in folds)
    cross = tuple(found[0] if last == 1 else np.concatenate(found) for found in parts)
    return Targets(
        np.array([fold.left[last][0] for fold in folds]), np.array([fold.squares[last] for fold in folds]), cross
    )  # fmt: skip


def _folds(state: State, groups: Groups) -> list[Moments]:
    return [state[f] for f in range(groups.count)]
