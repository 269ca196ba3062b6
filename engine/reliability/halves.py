"""Repeats dealt into two halves, and what the agreement of halves says of all repeats together (Spearman–Brown)."""

from itertools import combinations
from math import comb

import numpy as np

from consilience.engine.errors import BadInput

SPLITS = 100


def splits(repeats: int, most: int = SPLITS, seed: int = 0) -> np.ndarray:
    """(S, 2, repeats) of 0 and 1: which repeats stand in the first and in the second half, every way once.

    Halves are of ⌊repeats / 2⌋ each; of an odd number one repeat stands in neither. All the ways where there are at
    most `most`, else so many that are drawn by `seed`.

    Raises:
        BadInput: for fewer than two repeats.
    """
    if repeats < 2:
        raise BadInput("two repeats or more", str(repeats), "measure every stimulus again, or leave it out")
    half = repeats // 2
    ways = comb(repeats, half) * comb(repeats - half, half) // 2
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], None] = {}
    if ways <= most:
        for first in combinations(range(repeats), half):
            rest = [k for k in range(repeats) if k not in first]
            found |= {(first, other): None for other in combinations(rest, half) if first < other}
    rng = np.random.default_rng([seed, 8])
    while len(found) < min(ways, most):
        order = rng.permutation(repeats)
        one, other = (tuple(sorted(order[k * half : (k + 1) * half].tolist())) for k in (0, 1))
        found[min(one, other), max(one, other)] = None
    dealt = np.zeros((len(found), 2, repeats))
    for k, sides in enumerate(found):
        for side, those in enumerate(sides):
            dealt[k, side, list(those)] = 1.0
    return dealt


def spearman_brown(r: np.ndarray | float, repeats: int) -> np.ndarray:
    """The reliability of the mean of `repeats` from r, the mean correlation of two halves of m = ⌊repeats / 2⌋ each.

    ρ = f r / (1 + (f - 1) r) with f = repeats / m, which is 2 r / (1 + r) where repeats are even in number. NaN where
    the denominator is not positive. Source: Spearman 1910; Brown 1910.
    """
    factor = repeats / (repeats // 2)
    below = 1 + (factor - 1) * np.asarray(r, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, factor * np.asarray(r) / below, np.nan)


def ceiling_of(reliability: np.ndarray | float) -> np.ndarray:
    """The correlation of the mean of the repeats with what all of them measure: √ρ. No prediction can do better on
    average. NaN where ρ is not above 0: nothing is measured there."""
    known = np.asarray(reliability, np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(known > 0, np.sqrt(known), np.nan)
