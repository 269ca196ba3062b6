"""Metrics of one representation, written out sample by sample and unit by unit from their definitions."""

from collections.abc import Callable

import numpy as np


def participation_ratio(x: np.ndarray) -> float:
    values = np.linalg.eigvalsh(np.atleast_2d(np.cov(x.T)))
    return values.sum() ** 2 / (values**2).sum()


def effective_rank(x: np.ndarray) -> float:
    sigma = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    p = sigma / sigma.sum()
    return float(np.exp(-sum(v * np.log(v) for v in p if v > 1e-13)))


def directions(x: np.ndarray) -> list[np.ndarray]:
    """Of the samples that have one."""
    return [row / np.linalg.norm(row) for row in x if row.any()]


def uniformity(x: np.ndarray) -> float:
    unit = directions(x)
    potential = [
        np.exp(-2 * ((a - b) ** 2).sum()) for i, a in enumerate(unit) for j, b in enumerate(unit) if i != j
    ]
    return float(np.log(np.mean(potential)))


def magnitude(x: np.ndarray) -> float:
    return float(np.linalg.norm(x.mean(axis=0)))


def concentricity(x: np.ndarray) -> float:
    mean = x.mean(axis=0)
    return float(np.mean([unit @ mean / np.linalg.norm(mean) for unit in directions(x)]))


def near(x: np.ndarray, k: int) -> list[np.ndarray]:
    """The k smallest distances of every sample that has no copy."""
    found = []
    for i, row in enumerate(x):
        distances = np.sort(np.linalg.norm(np.delete(x, i, axis=0) - row, axis=1))
        if distances[0] > 0:
            found.append(distances[:k])
    return found


def two_nn(x: np.ndarray) -> float:
    """Facco et al. 2017, their algorithm step by step, with the last 10 % of the points discarded."""
    mu = sorted(second / first for first, second in near(x, 2))
    points = [(np.log(m), -np.log(1 - i / len(mu))) for i, m in enumerate(mu, start=1) if i <= 0.9 * len(mu)]
    # The slope of the line through the origin with the least squares.
    return sum(a * b for a, b in points) / sum(a * a for a, _ in points)


def mle(x: np.ndarray, k: int = 10) -> float:
    """Levina and Bickel 2004 equation (8) for every sample; the inverses averaged as MacKay and Ghahramani do."""
    inverses = [np.mean([np.log(t[-1] / t[j]) for j in range(k - 1)]) for t in near(x, k)]
    return float(1 / np.mean(inverses))


REFERENCE: dict[str, Callable[[np.ndarray], float]] = {
    "participation_ratio": participation_ratio,
    "effective_rank": effective_rank,
    "uniformity": uniformity,
    "magnitude": magnitude,
    "concentricity": concentricity,
    "intrinsic_dimension": two_nn,
    "intrinsic_dimension:method=mle": mle,
    "intrinsic_dimension:k=3,method=mle": lambda x: mle(x, 3),
}
