"""How reliable the responses of every unit are: over stimuli, between halves of the repeats."""

from typing import Any

import numpy as np

from consilience.engine.reliability.halves import SPLITS, splits

ROWS_AT_ONCE = 1024


def covariances(responses: Any, rows: np.ndarray | None = None) -> np.ndarray:
    """(d, r, r): of every unit the sums of products over stimuli of each two repeats, about their means; rows stream.

    Args:
        responses: (n, r, d). rows: those stimuli alone.
    """
    every = np.arange(len(responses)) if rows is None else rows
    _, r, d = responses.shape
    products, sums = np.zeros((d, r, r)), np.zeros((r, d))
    origin = np.asarray(responses[every[:1]], np.float64)  # near the mean, so that nothing cancels
    for start in range(0, len(every), ROWS_AT_ONCE):
        block = np.asarray(responses[every[start : start + ROWS_AT_ONCE]], np.float64) - origin
        sums += block.sum(axis=0)
        by_unit = np.moveaxis(block, 2, 0)  # (d, rows, r)
        products += by_unit.transpose(0, 2, 1) @ by_unit
    return products - np.einsum("ad,bd->dab", sums, sums) / len(every)


def unit_agreement(
    responses: Any, rows: np.ndarray | None = None, most: int = SPLITS, seed: int = 0
) -> np.ndarray:
    """(d,): Pearson's r over stimuli between the means of two halves of the repeats, the mean over splits; of `halves`.

    NaN for a unit that is constant in some half. `spearman_brown` makes the reliability of the mean over all repeats of
    it, and the root of that is the ceiling of a correlation.

    Args:
        responses: (n, repeats, d), all repeats of all stimuli. rows: those stimuli alone.
        most: so many splits are looked at; seed: which, where there are more.
    """
    dealt = splits(responses.shape[1], most, seed)
    c = covariances(responses, rows)
    rounding = np.finfo(np.float64).eps * np.abs(c).sum(axis=(1, 2))
    found = np.zeros(len(c))
    for one, other in dealt:
        between, own, its = (
            np.einsum("a,dab,b->d", *x) for x in ((one, c, other), (one, c, one), (other, c, other))
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            found += np.where((own > rounding) & (its > rounding), between / np.sqrt(own * its), np.nan)
    return found / len(dealt)
