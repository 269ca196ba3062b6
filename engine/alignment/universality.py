"""Universality: are the layers that agree with other models those that agree with brains? (Hosseini et al. 2024)"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from consilience.engine.inference.null import from_permutations

LEAST_MODELS = 4  # of fewer there are hardly any draws of models that differ


def agreements(select: np.ndarray, score: np.ndarray, models: Sequence[np.ndarray]) -> np.ndarray:
    """(layers, models): of each layer with the layer of each other model that is best by `select`, its `score`.

    Both are (layers, layers), of two halves of the samples, the larger the better; NaN for the layer's own model.
    """
    found = np.full((len(score), len(models)), np.nan)
    for m, layers in enumerate(models):
        known = np.where(np.isfinite(select[:, layers]), select[:, layers], -np.inf)
        found[:, m] = np.take_along_axis(score[:, layers], known.argmax(axis=1)[:, None], axis=1)[:, 0]
        found[layers, m] = np.nan
    return found


def agreement(with_models: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(layers,): the mean over other models, each of which counts so many times."""
    known = np.isfinite(with_models)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray = np.where(known, with_models, 0.0) @ counts / (known @ counts)
    return found


def correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's of x (layers,) with each of y (…, layers), over layers where x has a value."""
    known = np.isfinite(x)
    a, b = rankdata(x[known]), rankdata(y[..., known], axis=-1)
    a, b = a - a.mean(), b - b.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray = b @ a / np.sqrt((a @ a) * (b**2).sum(axis=-1))
    return np.where(np.isfinite(y[..., known]).all(axis=-1), found, np.nan)


def interval(
    with_models: np.ndarray, with_brains: np.ndarray, of: np.ndarray, bootstraps: int, seed: int
) -> tuple[float, float]:
    """95 % of draws of models with replacement, each with all its layers; NaN of fewer than four models.

    Args:
        with_models: as `agreements` gives them; a model does not agree with copies of itself.
        with_brains: (layers,). of: (layers,), the number of the model of each.
    """
    models, draws = with_models.shape[1], []
    if models < LEAST_MODELS:
        return np.nan, np.nan
    for counts in np.random.default_rng([seed, 7]).multinomial(
        models, np.full(models, 1 / models), bootstraps
    ):
        if (counts > 0).sum() > 1:
            times = counts[of]
            x, y = agreement(with_models, counts), with_brains
            draws.append(correlation(np.repeat(x, times), np.repeat(y, times)))
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def p_value(observed: float, x: np.ndarray, draws: np.ndarray) -> float:
    """One-sided: draws (draws, layers) are agreements with brains whose stimuli are in another order.

    So models agree with each other as they do, and have nothing to do with the brains.
    """
    return float(from_permutations(correlation(x, draws), np.array(observed), "similarity")[1])
