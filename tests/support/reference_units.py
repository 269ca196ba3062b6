"""Metrics of single units, and of matrices over conditions, written out from their definitions."""

import numpy as np
from scipy.optimize import linprog


def unit_correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(d1, d2); 0 where one of the two units does not vary."""
    c = np.zeros((x.shape[1], y.shape[1]))
    for i, a in enumerate(x.T):
        for j, b in enumerate(y.T):
            if np.ptp(a) > 0 and np.ptp(b) > 0:
                c[i, j] = np.corrcoef(a, b)[0, 1]
    return c


def margins(rows: int, columns: int) -> np.ndarray:
    """(rows + columns, rows · columns): the sums over each row and each column of a flattened matrix."""
    return np.vstack([np.kron(np.eye(rows), np.ones(columns)), np.kron(np.ones(rows), np.eye(columns))])


def one_to_one(x: np.ndarray, y: np.ndarray) -> float:
    """The assignment as a linear programme: every unit in one pair at most, as many pairs as there can be."""
    c = unit_correlations(x, y)
    pairs = min(c.shape)
    found = linprog(
        -c.ravel(), A_ub=margins(*c.shape), b_ub=np.ones(sum(c.shape)), A_eq=np.ones((1, c.size)), b_eq=[pairs]
    )  # fmt: skip
    return -found.fun / pairs


def soft(x: np.ndarray, y: np.ndarray) -> float:
    """Optimal transport from 1/d1 on every unit of X to 1/d2 on every unit of Y."""
    c = unit_correlations(x, y)
    masses = np.concatenate([np.full(d, 1 / d) for d in c.shape])
    return -linprog(-c.ravel(), A_eq=margins(*c.shape), b_eq=masses).fun


def best(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean([max(row) for row in unit_correlations(x, y)]))


def same_number(x: np.ndarray, y: np.ndarray) -> float:
    if x.shape[1] != y.shape[1]:
        return float("nan")
    return float(np.mean([unit_correlations(a[:, None], b[:, None])[0, 0] for a, b in zip(x.T, y.T)]))


def second_moments(x: np.ndarray, shrinkage: float) -> np.ndarray:
    """(n, n), shrunk towards the multiple of the identity with the same trace."""
    xc = x - x.mean(0)
    g = xc @ xc.T / x.shape[1]
    n = len(g)
    return (1 - shrinkage) * g + shrinkage * np.trace(g) / n * np.eye(n)


def riemann(x: np.ndarray, y: np.ndarray, shrinkage: float = 0.1) -> float:
    """The norm of a matrix logarithm is that of the logarithms of its eigenvalues."""
    values, vectors = np.linalg.eigh(second_moments(x, shrinkage))
    root = vectors / np.sqrt(values) @ vectors.T
    middle = root @ second_moments(y, shrinkage) @ root
    return np.sqrt((np.log(np.linalg.eigvalsh((middle + middle.T) / 2)) ** 2).sum())


def subspace_match(x: np.ndarray, y: np.ndarray, epsilon: float) -> float:
    """Units struck out one at a time, by least squares on the features themselves."""
    left, right = (dict(enumerate((z - z.mean(0)).T)) for z in (x, y))
    total = len(left) + len(right)

    def outside(units: dict[int, np.ndarray], others: dict[int, np.ndarray]) -> list[int]:
        if not others:
            return list(units)
        span = np.array(list(others.values())).T
        residual = {k: u - span @ np.linalg.lstsq(span, u, rcond=None)[0] for k, u in units.items()}
        return [k for k, u in units.items() if np.linalg.norm(residual[k]) > epsilon * np.linalg.norm(u)]

    while True:
        if found := outside(left, right):
            del left[found[0]]
        elif found := outside(right, left):
            del right[found[0]]
        else:
            return (len(left) + len(right)) / total


REFERENCE = {
    "subspace_match:epsilon=0.7": lambda x, y: subspace_match(x, y, 0.7),
    "subspace_match:epsilon=0.6": lambda x, y: subspace_match(x, y, 0.6),
    "unit_match": one_to_one,
    "unit_match:match=soft": soft,
    "unit_match:match=best": best,
    "unit_corr": same_number,
    "riemann": riemann,
    "riemann:shrinkage=0.5": lambda x, y: riemann(x, y, 0.5),
}
