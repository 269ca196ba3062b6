"""Canonical correlation, and its two descendants."""

from collections.abc import Callable
from typing import Any

import numpy as np

from consilience.engine.costs.work import EIGEN
from consilience.engine.metrics.linear import Cross, Own
from consilience.engine.metrics.registry import EUCLIDEAN, INVARIANCES, Choice, Number, Work, register

SUMMARIES: dict[str, Callable[[np.ndarray], Any]] = {
    "mean": np.mean,
    "mean_squared": lambda r: np.mean(r**2),
    "first": lambda r: r[0],
    "sum": np.sum,
}


def whitener(own: Own, ridge: float) -> np.ndarray:
    """B (d, rank) with B'(Xc'Xc + ridge) B = 1; `ridge` is in units of the mean eigenvalue."""
    if ridge == 0:
        return own.whitener
    values, vectors = own.eigen
    return vectors / np.sqrt(values + ridge * values.sum() / len(own.gram))


def leading(own: Own, variance: float) -> np.ndarray:
    """B (d, r) that whitens the fewest leading principal components which explain `variance`."""
    values, vectors = own.eigen
    r = own.leading(variance)
    return vectors[:, :r] / np.sqrt(values[:r])


def correlations(left: np.ndarray, right: np.ndarray, cross: Cross) -> np.ndarray:
    """Canonical correlations, largest first; rounding above 1 is cut. NaN where one side does not vary."""
    if not min(left.shape[1], right.shape[1]):
        return np.array([np.nan])
    return np.minimum(cross.singular_values(left, right), 1.0)


@register(
    "cca",
    needs="moments",
    factor=lambda own, ridge, summary: whitener(own, ridge),
    work=lambda ridge, summary: Work(
        own=EIGEN if ridge else 2.6, maps=4.0, pair=6.0, precise=11.0, shared=ridge == 0
    ),
    parameters={"summary": Choice(tuple(SUMMARIES)), "ridge": Number(0.0, 0.0)},
    symmetric=True,
    biased=True,
    direction="similarity",
    range=lambda ridge, summary: (0, None if summary == "sum" else 1),
    source="Hotelling 1936; Kornblith et al. 2019",
    best=lambda ridge, summary: 1.0 if summary != "sum" else np.nan,
    alike=lambda ridge, summary: ridge == 0,
    invariances=lambda ridge, summary: INVARIANCES if ridge == 0 else EUCLIDEAN,
)
def cca(left: np.ndarray, right: np.ndarray, cross: Cross, *, ridge: float, summary: str) -> float:
    """Canonical correlation analysis.

    mean of the canonical correlations ρ_i, i <= min(rank X, rank Y); or of their squares (Yanai), the first, the sum

    `ridge` is added to the covariance eigenvalues, in units of their mean. With n <= d every correlation is 1. Their
    sum is at most the smaller rank.

    Misleads where n is not many times d: correlations are then fitted, and with n <= d all are 1. Every direction
    counts alike, however little variance it has, so noise directions lower the mean and spurious ones raise it.
    """
    return float(SUMMARIES[summary](correlations(left, right, cross)))


@register(
    "svcca",
    needs="moments",
    factor=lambda own, variance: leading(own, variance),
    work=Work(
        own=EIGEN, maps=4.0, pair=3.0, precise=6.0
    ),  # of as many components as are kept of most features
    parameters={"variance": Number(0.99, 1e-6, 1.0)},
    symmetric=True,
    biased=True,
    direction="similarity",
    range=(0, 1),
    source="Raghu et al. 2017",
    invariances=EUCLIDEAN,
)
def svcca(left: np.ndarray, right: np.ndarray, cross: Cross, *, variance: float) -> float:
    """Singular vector canonical correlation analysis.

    mean canonical correlation of the leading principal components that explain `variance` of each representation

    Misleads where a few outlier units carry the variance: then very few components are kept. It depends on how many
    samples there are, because the share of variance is measured on them.
    """
    return float(correlations(left, right, cross).mean())


@register(
    "pwcca",
    needs="moments",
    factor=lambda own: (own.whitener, own.whitener.T @ own.gram),
    work=Work(own=5.0, maps=8.0, pair=32.0, precise=60.0),
    symmetric=False,
    biased=True,
    direction="similarity",
    range=(0, 1),
    source="Morcos et al. 2018",
    invariances=("permutation", "scaling", "translation"),
)
def pwcca(left: tuple[np.ndarray, np.ndarray], right: tuple[np.ndarray, np.ndarray], cross: Cross) -> float:
    """Projection-weighted canonical correlation analysis (directed: the weights are X's).

    Σ α_i ρ_i / Σ α_i, α_i = Σ_j |<h_i, x_j>|, h_i the canonical variates of X

    The variates are of the whitened X, as the paper has it; the widely copied code omits the whitening.

    Misleads where n is not many times d, as CCA does. It weights by what X makes of its directions, so the two ways
    differ.
    """
    u, rho = cross.left_singular(left[0], right[0])
    if not len(rho):
        return np.nan  # one side does not vary
    weights = np.abs(u.T @ left[1]).sum(axis=1)
    return float(weights @ np.minimum(rho, 1.0) / weights.sum())
