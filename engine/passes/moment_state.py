"""What the moment pass adds up, group by group, and the covariances of any subset of groups."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

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
        squares: representation -> (d,) Σ x² of every unit, of those for which it is wanted.
    """

    first: np.ndarray
    left: dict[int, np.ndarray]
    right: dict[int, np.ndarray]
    products: dict[Pair, np.ndarray]
    squares: dict[int, np.ndarray] = field(default_factory=dict)

    def add(self, other: "Moments") -> None:
        """Enter the sums over other rows."""
        self.first += other.first
        sides = [(self.left, other.left), (self.products, other.products), (self.squares, other.squares)]
        if self.right is not self.left:
            sides.append((self.right, other.right))
        for into, values in sides:
            for key, value in values.items():  # type: ignore[attr-defined]
                into[key] += value  # type: ignore[index]


State = dict[int, Moments]  # by group

Key = TypeVar("Key")
Sums = TypeVar("Sums", bound="Summed")


class Summed(Protocol):
    """Sums over some rows, into which those over other rows can be entered."""

    def add(self: Sums, other: Sums) -> None: ...


def combine(states: list[dict[Key, Sums]]) -> dict[Key, Sums]:
    """One state of several, over all their rows."""
    first, *others = states
    for other in others:
        for key, value in other.items():
            if key in first:
                first[key].add(value)
            else:
                first[key] = value
    return first


def over_groups(state: State, pair: Pair, masks: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Xc'Yc (d_a, d_b) and the number of rows, for the groups of each mask (subset, group)."""
    groups = [state[g] for g in range(masks.shape[1])]
    for sums in _over(groups, pair, masks):
        matrix = np.multiply.outer(-sums.x / sums.n, sums.y)
        matrix += sums.product
        yield matrix, round(sums.n)


def covariances(state: State, pair: Pair, masks: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """As `over_groups`, of one representation with itself: 0 where its rows are alike but for rounding."""
    whole = sum(float(np.trace(moments.products[pair])) for moments in state.values())
    for gram, n in over_groups(state, pair, masks):
        alike = np.trace(gram) <= n * np.finfo(np.float64).eps * whole
        yield np.zeros_like(gram) if alike else gram, n


@dataclass(frozen=True)
class Fold:
    """Xc'Yc (d_a, d_b) of n rows, and `test`: Σ (x - x̄)(y - ȳ)' over those set aside, x̄ and ȳ the means of the n."""

    matrix: np.ndarray
    n: int
    test: np.ndarray


def over_folds(state: State, pair: Pair, masks: np.ndarray, folds: int) -> Iterator[list[Fold]]:
    """For each mask (subset, group) its folds, each set aside once: group g of fold f is group f G + g of `state`."""
    count = masks.shape[1]
    groups = [[state[f * count + g] for g in range(count)] for f in range(folds)]
    for parts in zip(*(_over(fold, pair, masks) for fold in groups)):
        product, x, y = _total([p.product for p in parts]), sum(p.x for p in parts), sum(p.y for p in parts)
        found = []
        for test in parts:
            n = sum(p.n for p in parts) - test.n
            mean_x, mean_y = (x - test.x) / n, (y - test.y) / n
            matrix = product - test.product - np.multiply.outer(mean_x, y - test.y)
            # Σ (x - x̄)(y - ȳ)' = Σ x y' - x̄ Σ y' - (Σ x - n x̄) ȳ', n that of the rows set aside
            aside = test.product - np.multiply.outer(mean_x, test.y)
            aside -= np.multiply.outer(test.x - test.n * mean_x, mean_y)
            found.append(Fold(matrix, round(n), aside))
        yield found


@dataclass(frozen=True)
class _Sums:
    """X'Y, Σ x, Σ y and the number of rows, of some groups."""

    product: np.ndarray
    x: np.ndarray
    y: np.ndarray
    n: float


def _over(groups: list[Moments], pair: Pair, masks: np.ndarray) -> Iterator[_Sums]:
    """The sums over the groups of each mask."""
    whole = _total([m.products[pair] for m in groups])
    for mask in masks:
        inside = [m for m, wanted in zip(groups, mask) if wanted]
        outside = [m for m, wanted in zip(groups, mask) if not wanted]
        if not outside:
            matrix = whole
        elif len(outside) < len(inside):
            # Take the few others away. Sums of like terms, so nothing cancels but rounding.
            matrix = whole - _total([m.products[pair] for m in outside])
        else:
            matrix = _total([m.products[pair] for m in inside])
        x, y = sum(m.left[pair[0]][0] for m in inside), sum(m.right[pair[1]][0] for m in inside)
        yield _Sums(matrix, x, y, sum(m.first[0, 0] for m in inside))


def _total(matrices: list[np.ndarray]) -> np.ndarray:
    first, *others = matrices
    if not others:
        return first
    total = first + others[0]
    for matrix in others[1:]:
        total += matrix
    return total
