"""Linear probes, by scikit-learn and by the normal equations, on the halves of the samples that the seed 0 deals."""

from collections.abc import Callable

import numpy as np
from numpy import ndarray
from sklearn.linear_model import LogisticRegression

from consilience.engine.inference.split import split


def halves(x: ndarray, train: ndarray, held: ndarray) -> tuple[ndarray, ndarray]:
    """Both halves standardised by the train samples."""
    mean, sd = x[train].mean(axis=0), x[train].std(axis=0)
    return (x[train] - mean) / sd, (x[held] - mean) / sd


def logistic(x: ndarray, y: ndarray, train: ndarray, held: ndarray, strength: float = 1.0) -> ndarray:
    """Which held-out samples are hit."""
    a, b = halves(x, train, held)
    return LogisticRegression(C=1 / strength, max_iter=1000).fit(a, y[train]).predict(b) == y[held]


def ridge(
    x: ndarray, y: ndarray, train: ndarray, held: ndarray, strength: float = 1.0
) -> tuple[ndarray, ndarray]:
    """Squared residuals and deviations of the held-out samples, by the normal equations."""
    a, b = halves(x, train, held)
    mean = y[train].mean()
    weights = np.linalg.solve(a.T @ a + strength * np.eye(a.shape[1]), a.T @ (y[train] - mean))
    return (y[held] - mean - b @ weights) ** 2, (y[held] - mean) ** 2


def probe(x: ndarray, labels: ndarray) -> float:
    """R² of numbers, else the share of labels that is right."""
    cut = split(len(x), 0)
    if labels.dtype.kind != "f":
        return float(logistic(x, labels, cut.train, cut.held).mean())
    residual, deviation = ridge(x, labels, cut.train, cut.held)
    return float(1 - residual.sum() / deviation.sum())


REFERENCE: dict[str, Callable[..., float]] = {"probe": probe, "probe:task=r2": probe}
