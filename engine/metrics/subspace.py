"""Units of one representation that lie in the span of units of the other."""

import numpy as np

from consilience.engine.metrics.linear import Cross, Own
from consilience.engine.metrics.registry import Number, Work, register
from consilience.engine.metrics.units import inverse_norms, unit_correlations

# 1 / norm of the units (d,), 0 where one does not vary; their correlations (d, d); what is zero but for rounding
Factor = tuple[np.ndarray, np.ndarray, float]


def _factor(own: Own, epsilon: float) -> Factor:
    inverse = inverse_norms(own)
    rounding = max(own.n, len(inverse)) * float(np.finfo(np.float64).eps)
    return inverse, inverse[:, None] * own.gram * inverse, rounding


def _explained(basis: np.ndarray, with_basis: np.ndarray, rounding: float) -> np.ndarray:
    """Share of the variance of m units in the span of r units: correlations of those (r, r), and with the m (r, m)."""
    values, vectors = np.linalg.eigh(basis)
    keep = values > values[-1] * rounding
    return ((vectors[:, keep].T @ with_basis) ** 2 / values[keep, None]).sum(axis=0)


@register(
    "subspace_match",
    needs="moments",
    factor=_factor,
    work=Work(own=0.5, pair=57.0, precise=57.0),
    parameters={"epsilon": Number(0.5, 0.01, 0.99)},
    symmetric=True,
    biased=True,
    direction="similarity",
    range=(0, 1),
    source="Wang et al. 2018",
    invariances=("permutation", "scaling", "translation"),
)
def subspace_match(left: Factor, right: Factor, cross: Cross, *, epsilon: float) -> float:
    """Neuron-activation subspace match.

    (|X*| + |Y*|) / (d1 + d2), (X*, Y*) the largest sets of units such that each unit x of X* has
    dist(x, span Y*) <= ε ‖x‖, and each of Y* the same with span X*

    The largest match is unique: units that lie outside the span of the others' are struck out until none does. Units
    are centred; one without variance never matches. More than n - 1 units span everything, so that all then match.

    Misleads by its tolerance: as ε grows from 0 every unit comes to match. Read it at several ε.
    """
    (inverse_x, own_x, rounding_x), (inverse_y, own_y, rounding_y) = left, right
    between = unit_correlations(inverse_x, inverse_y, cross)
    x, y = np.flatnonzero(inverse_x), np.flatnonzero(inverse_y)
    while len(x) and len(y):
        both = between[np.ix_(x, y)]
        keep_x = 1 - _explained(own_y[np.ix_(y, y)], both.T, rounding_y) <= epsilon**2
        keep_y = 1 - _explained(own_x[np.ix_(x, x)], both, rounding_x) <= epsilon**2
        if keep_x.all() and keep_y.all():
            return (len(x) + len(y)) / (len(inverse_x) + len(inverse_y))
        x, y = x[keep_x], y[keep_y]
    return 0.0
