"""Single units: which unit of Y is most like each unit of X."""

from math import gcd

import numpy as np
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import csc_array

from consilience.engine.metrics.linear import Cross, Own
from consilience.engine.metrics.registry import Choice, Work, register

NEAR = 12  # partners each unit starts with in the linear programme
TOLERANCE = 1e-10  # of a reduced cost: no plan is better by more
# Interior points, and then a vertex, are quicker; the simplex is for where they fail.
METHODS = ("highs-ipm", "highs-ds")
# Nothing of this programme can be presolved away, and trying takes ten times as long as solving it.
OPTIONS = {"presolve": False, "dual_feasibility_tolerance": TOLERANCE}


def inverse_norms(own: Own) -> np.ndarray:
    """1 / ‖x_j‖ of the centred units, (d,); 0 where a unit does not vary but for rounding."""
    squares = np.diagonal(own.gram)
    varies = squares > squares.max() * max(own.n, len(squares)) * np.finfo(np.float64).eps
    return np.where(varies, 1 / np.sqrt(np.where(varies, squares, 1.0)), 0.0)


def unit_correlations(left: np.ndarray, right: np.ndarray, cross: Cross) -> np.ndarray:
    """Correlation of every unit of X with every unit of Y, (d1, d2); 0 for a unit that does not vary."""
    return np.clip(left[:, None] * cross.matrix * right, -1.0, 1.0)


def assignment(worth: np.ndarray) -> float:
    """Greatest mean worth of min(d1, d2) pairs, no unit in two."""
    return float(worth[linear_sum_assignment(worth, maximize=True)].mean())


def transport(worth: np.ndarray) -> float:
    """Greatest Σ P_ij worth_ij over P >= 0 whose rows sum to 1/d1 and whose columns sum to 1/d2.

    The linear programme is solved over the best few partners of each unit; its dual prices then tell every pair left
    out that would improve the plan. Those enter, until there is none, so that the optimum is that of all pairs.
    """
    rows, columns = worth.shape
    if rows == columns:
        return assignment(worth)  # permutation matrices are the vertices
    share = gcd(rows, columns)
    supply, demand = columns // share, rows // share  # in whole numbers a vertex has whole numbers too
    total = rows * supply
    # A plan that fills rows and columns in their order is always among those considered.
    filled = np.union1d(np.arange(rows) * supply, np.arange(columns) * demand)
    allowed = np.zeros(worth.shape, bool)
    allowed[filled // supply, filled // demand] = True
    for axis in (0, 1):
        near = min(NEAR, worth.shape[axis])
        best = np.argpartition(-worth, near - 1, axis=axis).take(np.arange(near), axis=axis)
        np.put_along_axis(allowed, best, True, axis)
    sums = np.r_[np.full(rows, supply), np.full(columns, demand)]
    while True:
        i, j = np.nonzero(allowed)
        pairs = np.arange(len(i))
        margins = csc_array(
            (np.ones(2 * len(i)), (np.r_[i, rows + j], np.r_[pairs, pairs])), shape=(len(sums), len(i))
        )
        for method in METHODS:
            plan = linprog(-worth[i, j], A_eq=margins, b_eq=sums, method=method, options=OPTIONS)
            if plan.status == 0:
                break
        else:
            return float("nan")
        prices = plan.eqlin.marginals
        better = (worth + prices[:rows, None] + prices[rows:] > TOLERANCE) & ~allowed
        if not better.any():
            return float(np.round(plan.x) @ worth[i, j] / total)
        allowed |= better


def each_best(worth: np.ndarray) -> float:
    """Mean over the rows of the greatest worth in each."""
    return float(worth.max(axis=1).mean())


MATCHES = {"one_to_one": assignment, "soft": transport, "best": each_best}


def _transport_ns(a: int, b: int) -> float:
    """Of units as many on both sides it is an assignment."""
    return 30.0 if a == b else 1000.0


WORK = {"one_to_one": Work(entry=30.0), "soft": Work(entry=_transport_ns), "best": Work(entry=10.0)}


@register(
    "unit_match",
    needs="moments",
    work=lambda match: WORK[match],
    factor=lambda own, match: inverse_norms(own),
    parameters={"match": Choice(tuple(MATCHES))},
    symmetric=lambda match: match != "best",
    direction="similarity",
    range=(-1, 1),
    source="Li et al. 2015; Khosla and Williams 2024; best: Gurnee et al. 2024, Dravid et al. 2023",
    invariances=("permutation", "scaling", "translation"),
)
def unit_match(left: np.ndarray, right: np.ndarray, cross: Cross, *, match: str) -> float:
    """Correlation of matched units.

    one_to_one: mean of corr(x_i, y_j) over the min(d1, d2) pairs of the best assignment; soft: max Σ_ij P_ij
    corr(x_i, y_j) over P >= 0 with rows that sum to 1/d1 and columns that sum to 1/d2 (optimal transport); best: mean
    over i of max_j corr(x_i, y_j), directed: the units are X's

    Correlations keep their sign. A unit without variance correlates 0 with every other, and lowers the score. All three
    optima are exact; with d1 = d2 the first two are the same. one_to_one leaves the surplus units of the wider side
    out; with best one unit of Y may be the match of several.

    Misleads where there are many units and few samples: the best of many partners correlates by chance. Read it
    against its null; a rotation that changes no information destroys it. With best a few units that many share look
    like all.
    """
    worth = unit_correlations(left, right, cross)
    return MATCHES[match](worth)


@register(
    "unit_corr",
    needs="moments",
    work=Work(),
    factor=inverse_norms,
    symmetric=True,
    direction="similarity",
    range=(-1, 1),
    source="Del and Fishel 2022",
    undefined="the two have different numbers of units, which cannot be paired by number",
    invariances=("scaling", "translation"),
)
def unit_corr(left: np.ndarray, right: np.ndarray, cross: Cross) -> float:
    """Correlation of units of the same number.

    mean over j of corr(x_j, y_j); needs d1 = d2

    For two runs or two layers that share their units, such as those of one residual stream. Correlations keep their
    sign; of a pair with a unit without variance it is 0. The score of representations of unequal width is NaN.

    Misleads where units are not in the same order on both sides: it compares unit j with unit j.
    """
    if len(left) != len(right):
        return float("nan")
    return float(np.clip(left * np.diagonal(cross.matrix) * right, -1.0, 1.0).mean())
