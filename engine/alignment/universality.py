"""Universality: are the layers that agree with other models those that agree with brains? (Hosseini et al. 2024)"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from consilience.engine.inference.null import from_permutations

LEAST_MODELS = 4  # of fewer there are hardly any draws of models that differ
DECIMALS = 12  # means of the same scores differ in digits beyond


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
    """Spearman's of x (layers,) with each of y (…, layers), over layers where x has a value; NaN where there is none to
    speak of, as where all x are equal but for rounding, or a y is not known.
    """
    known = np.isfinite(x)
    if not known.any():
        return np.full(y.shape[:-1], np.nan)
    a, b = rankdata(x[known].round(DECIMALS)), rankdata(y[..., known], axis=-1)
    a, b = a - a.mean(), b - b.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray = b @ a / np.sqrt((a @ a) * (b**2).sum(axis=-1))
    return np.where(np.isfinite(y[..., known]).all(axis=-1), found, np.nan)


def correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`correlation` with y (regions, layers), of each region over the layers that have a value there: (regions,)."""
    known, found = np.isfinite(y), np.empty(len(y))
    for those in np.unique(known, axis=0):
        alike = (known == those).all(axis=1)
        found[alike] = correlation(np.where(those, x, np.nan), np.where(those, y[alike], 0.0))
    return found


def interval(
    with_models: np.ndarray, with_brains: np.ndarray, of: np.ndarray, bootstraps: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """95 % of draws of models with replacement, each with all its layers, (regions,) twice; NaN of under four models.

    Draws in which there is no correlation are left out: of two models of one layer each agrees with the other alone, so
    that both agree as much. In simulations it held the correlation of all models in 91 to 99 % of draws of four models
    or more with three layers each, in 95 to 100 % of six or more with one, and in 87 to 94 % of four with one.

    Args:
        with_models: as `agreements` gives them; a model does not agree with copies of itself.
        with_brains: (regions, layers). of: (layers,), the number of the model of each.
    """
    models, draws = with_models.shape[1], []
    if models < LEAST_MODELS:
        nowhere = np.full(len(with_brains), np.nan)
        return nowhere, nowhere
    for counts in np.random.default_rng([seed, 7]).multinomial(
        models, np.full(models, 1 / models), bootstraps
    ):
        if (counts > 0).sum() > 1:
            times = counts[of]
            x = np.repeat(agreement(with_models, counts), times)
            draws.append(correlations(x, np.repeat(with_brains, times, axis=-1)))
    bounds = np.full((2, len(with_brains)), np.nan)
    for region, of_region in enumerate(np.transpose(draws)):
        if (known := np.isfinite(of_region)).any():
            bounds[:, region] = np.quantile(of_region[known], [0.025, 0.975])
    low, high = bounds
    return low, high


def p_value(with_brains: np.ndarray, x: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """One-sided, of the correlation of x (layers,) with `with_brains` (layers,).

    `draws` (draws, layers) are agreements with brains whose stimuli are in another order: models agree with each other
    as they do, and have nothing to do with the brains. Layers without a value are left out of both.
    """
    known = np.isfinite(with_brains)
    x, of = np.where(known, x, np.nan), np.where(known, with_brains, 0.0)
    return from_permutations(correlation(x, np.where(known, draws, 0.0)), correlation(x, of), "similarity")[1]
