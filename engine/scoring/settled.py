"""What rounding has moved is put back: no score lies outside its range, and copies score the best there is, exactly.

A score beyond its declared range, or one of a representation with itself or with a copy that differs from the best,
by at most `ROUNDING`, is what the definition says: the bound, or the best. What is further away is left as it was
found. Copies are known by what they hold: where the score is that near the best, and the metric says that identical
representations score it, both are read and compared value by value, up to the first block that differs.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from consilience.engine.features.representation import Representation
from consilience.engine.metrics.registry import Request
from consilience.engine.scoring.evaluated import Evaluated

ROUNDING = 1e-6
BLOCK_VALUES = 2**22
Known = dict[tuple[int, int], bool]  # whether two of the representations are copies


def settled(found: Sequence[Evaluated], representations: Sequence[Representation]) -> list[Evaluated]:
    """The same, with every score (S, R, R) of every subset put back."""
    known: Known = {}
    return [replace(e, values=put_back(e.request, e.values, representations, known)) for e in found]


def put_back(
    request: Request, values: np.ndarray, representations: Sequence[Representation], known: Known
) -> np.ndarray:
    """Scores (…, R, R) of one metric; what is learnt of copies is entered in `known`."""
    values, best = within(request, values), request.best
    if not request.alike or not np.isfinite(best):
        return values
    near = np.abs(values - best) <= ROUNDING
    near &= values != best
    for i, j in np.argwhere(near.any(axis=tuple(range(near.ndim - 2)))):
        pair = min(i, j), max(i, j)
        if pair not in known:
            known[pair] = i == j or copies(representations[i], representations[j])
        if known[pair]:
            values[..., i, j][near[..., i, j]] = best
    return values


def within(request: Request, values: np.ndarray) -> np.ndarray:
    """A copy, in which what lies outside the range by rounding lies on its bound."""
    values = np.array(values)
    for bound, side in zip(request.range, (np.less, np.greater)):
        if bound is not None:
            values[side(values, bound) & (np.abs(values - bound) <= ROUNDING)] = bound
    return values


def copies(a: Representation, b: Representation) -> bool:
    """Whether the two hold the same values, sample by sample."""
    if (a.n, a.d, a.rdm) != (b.n, b.d, b.rdm):
        return False
    every = np.arange(a.n)
    step = max(1, BLOCK_VALUES // (a.n if a.rdm else a.d))
    for rows in (every[start : start + step] for start in range(0, a.n, step)):
        x, y = (r.entries(rows, every) if r.rdm else r.take(rows) for r in (a, b))
        if not np.array_equal(x, y):
            return False
    return True
