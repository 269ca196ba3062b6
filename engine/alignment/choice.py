"""Which layer of a model is taken for a subject: the best for the others, so that its score is not the best of many."""

from collections.abc import Sequence

import numpy as np

NONE = -1
TIE = 1e-12  # means that differ by less are equal but for rounding


def held_out(scores: np.ndarray, models: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The layer of each model with the best mean score over the other subjects, and its score for the one left out.

    Args:
        scores: (…, layers, subjects), the larger the better. A layer without a score (NaN) for one of the others is not
            chosen. Of equal ones the first is.
        models: the numbers of the layers of every model.

    Returns:
        Numbers of layers, -1 where there is none to choose, and their scores; (…, models, subjects) both.
    """
    count = scores.shape[-1]
    others = 1.0 - np.eye(count)
    known = np.isfinite(scores)
    mean = np.where(known, scores, 0.0) @ others / max(count - 1, 1)
    mean = np.where((~known).astype(np.float64) @ others > 0, -np.inf, mean)
    if count < 2:
        mean = np.full_like(mean, -np.inf)
    chosen, held = [], []
    for layers in models:
        best = mean[..., layers, :].max(axis=-2, keepdims=True)
        at = (mean[..., layers, :] >= best - TIE * np.maximum(1.0, np.abs(best))).argmax(axis=-2)[
            ..., None, :
        ]
        none = best == -np.inf
        own = np.take_along_axis(scores[..., layers, :], at, axis=-2)
        chosen.append(np.where(none, NONE, layers[at])[..., 0, :])
        held.append(np.where(none, np.nan, own)[..., 0, :])
    return np.stack(chosen, axis=-2), np.stack(held, axis=-2)


def scores_of(scores: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The scores (…, layers, subjects) of layers that were `chosen` (models, subjects): (…, models, subjects)."""
    found = np.take_along_axis(scores, np.broadcast_to(chosen, (*scores.shape[:-2], *chosen.shape)), axis=-2)
    return np.where(chosen == NONE, np.nan, found)
