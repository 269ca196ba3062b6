"""What the moment pass adds up, group by group, and the covariances of any subset of groups."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

Pair = tuple[int, int]


@dataclass
class Moments:
    """Sums over some rows, in float64. F = [1, ‖x‖² of each of R representations], or [1] where norms are not wanted.

    Attributes:
        first: (f, f) F'F; its first entry counts the rows.
        left: representation -> (f, d) F'X; the sum of the rows and, with norms, their sums weighted by every norm.
        right: the same for right sides of pairs: `left` itself, unless those are read in another order of rows.
        products: pair (a, b) -> (d_a, d_b) X_a'X_b.
    """

    first: np.ndarray
    left: dict[int, np.ndarray]
    right: dict[int, np.ndarray]
    products: dict[Pair, np.ndarray]

    def add(self, other: "Moments") -> None:
        """Enter the sums over other rows."""
        self.first += other.first
        sides = [(self.left, other.left), (self.products, other.products)]
        if self.right is not self.left:
            sides.append((self.right, other.right))
        for into, values in sides:
            for key, value in values.items():  # type: ignore[attr-defined]
                into[key] += value  # type: ignore[index]


State = dict[int, Moments]  # by group


def combine(states: list[State]) -> State:
    """One state of several, over all their rows."""
    first, *others = states
    for other in others:
        for group, value in other.items():
            if group in first:
                first[group].add(value)
            else:
                first[group] = value
    return first


def over_groups(state: State, pair: Pair, masks: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Xc'Yc (d_a, d_b) and the number of rows, for the groups of each mask (subset, group)."""
    groups = [state[g] for g in range(masks.shape[1])]
    whole = _total([m.products[pair] for m in groups])
    for mask in masks:
        inside = [m for m, wanted in zip(groups, mask) if wanted]
        outside = [m for m, wanted in zip(groups, mask) if not wanted]
        if not outside:
            matrix = whole.copy()
        elif len(outside) < len(inside):
            # Take the few others away. Sums of like terms, so nothing cancels but rounding.
            matrix = whole - _total([m.products[pair] for m in outside])
        else:
            matrix = _total([m.products[pair] for m in inside])
        n = sum(m.first[0, 0] for m in inside)
        x, y = sum(m.left[pair[0]][0] for m in inside), sum(m.right[pair[1]][0] for m in inside)
        matrix -= np.multiply.outer(x / n, y)
        yield matrix, round(n)


@dataclass(frozen=True)
class Fold:
    """Xc'Yc (d_a, d_b) of n rows, and `test`: Σ (x - x̄)(y - ȳ)' over those set aside, x̄ and ȳ the means of the n."""

    matrix: np.ndarray
    n: int
    test: np.ndarray


def over_folds(state: State, pair: Pair, masks: np.ndarray, folds: int) -> Iterator[list[Fold]]:
    """For each mask (subset, group) its folds, each set aside once: group g of fold f is group f G + g of `state`."""
    groups = masks.shape[1]
    for mask in masks:
        parts = []
        for f in range(folds):
            inside = [state[f * groups + g] for g in np.flatnonzero(mask)]
            n = sum(m.first[0, 0] for m in inside)
            x, y = sum(m.left[pair[0]][0] for m in inside), sum(m.right[pair[1]][0] for m in inside)
            parts.append((_total([m.products[pair] for m in inside]), n, x, y))
        matrix, n, x, y = (sum(values) for values in zip(*parts))
        found = []
        for product, count, left, right in parts:
            mean_x, mean_y = (x - left) / (n - count), (y - right) / (n - count)
            train = matrix - product - np.multiply.outer(mean_x, y - right)
            # Σ (x - x̄)(y - ȳ)' = Σ x y' - x̄ Σ y' - (Σ x - count x̄) ȳ'
            test = product - np.multiply.outer(mean_x, right)
            test -= np.multiply.outer(left - count * mean_x, mean_y)
            found.append(Fold(train, round(n - count), test))
        yield found


def _total(matrices: list[np.ndarray]) -> np.ndarray:
    total = matrices[0].copy()
    for matrix in matrices[1:]:
        total += matrix
    return total
