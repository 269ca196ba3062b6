"""Reliability over repeats written from its definition, in float64, one pair of halves at a time."""

from itertools import combinations

import numpy as np
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr

Array = np.ndarray


def ways(repeats: int) -> list[tuple[set[int], set[int]]]:
    """Every way to deal repeats into two halves of the same size, once."""
    half, found = repeats // 2, []
    for one in combinations(range(repeats), half):
        for other in combinations(sorted(set(range(repeats)) - set(one)), half):
            if (set(other), set(one)) not in found:
                found.append((set(one), set(other)))
    return found


def corrected(r: float, repeats: int) -> float:
    """Spearman and Brown: the reliability of a test that is as many times as long as a half."""
    longer = repeats / (repeats // 2)
    return longer * r / (1 + (longer - 1) * r)


def units(x: Array) -> Array:
    """(d,) mean r over splits of every unit of (n, repeats, d)."""
    _, repeats, d = x.shape
    return np.array(
        [
            np.mean(
                [
                    pearsonr(x[:, list(a), u].mean(axis=1), x[:, list(b), u].mean(axis=1))[0]
                    for a, b in ways(repeats)
                ]
            )
            for u in range(d)
        ]
    )


def rdm(x: Array) -> float:
    """Reliability of the RDM (correlation distances, Spearman) of the mean of (n, repeats, d)."""
    repeats = x.shape[1]
    r = [
        spearmanr(*(pdist(x[:, list(half)].mean(axis=1), "correlation") for half in halves))[0]
        for halves in ways(repeats)
    ]
    return corrected(float(np.mean(r)), repeats)
