"""The best of many scores against chance: what the best of as many unrelated scores would be.

The best layer pair of two models is chosen among many, so that its own p-value is too small. Its null is the best of
all layer pairs again and again, with one permutation of the samples shared by all layers of one model: that keeps how
the layers of each model depend on each other.
"""

from math import ceil

import numpy as np

LEVEL = 0.95
LEAST_PERMUTATIONS = 19  # with fewer no score lies beyond the 95 % point, and no p is 0.05


def extreme(block: np.ndarray, direction: str) -> np.ndarray:
    """The best score of each (…, rows, columns): the largest similarity or the least distance. NaN if there is none."""
    best = np.fmax if direction == "similarity" else np.fmin
    return best.reduce(block, axis=(-2, -1))


def where_extreme(block: np.ndarray, direction: str) -> tuple[int, int] | None:
    """Row and column of the best score of one block, the first of equal ones. None if there is none."""
    if np.isnan(block).all():
        return None
    at = np.nanargmax(block) if direction == "similarity" else np.nanargmin(block)
    row, column = np.unravel_index(at, block.shape)
    return int(row), int(column)


def critical(draws: np.ndarray, score: np.ndarray, direction: str, level: float = LEVEL) -> np.ndarray:
    """τ (…): a share `level` of `draws` (permutations, …) and the observed `score` (…) together are no better.

    It is the ceil(level (1 + permutations))-th of them (Gröger 2026). The observed one counts as it does for p, so that
    a score is better than τ exactly where p <= 1 - level. A draw that is not defined counts as the best.
    """
    sign = 1.0 if direction == "similarity" else -1.0
    together = np.sort(sign * np.concatenate([draws, score[None]]), axis=0)  # NaN comes last
    return sign * together[ceil(level * len(together) - 1e-9) - 1]  # 0.95 × 200 is 190, whatever its last bit
