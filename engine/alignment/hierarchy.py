"""Whether later regions are matched by later layers."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from consilience.engine.inference.jackknife import standard_error
from consilience.engine.inference.null import from_permutations


def best_depths(scores: np.ndarray, models: Sequence[np.ndarray], depth: np.ndarray) -> np.ndarray:
    """The depth of each subject's own best layer, (models, regions, subjects), NaN where there is none.

    Args:
        scores: (layers, regions, subjects), the larger the better. depth: (layers,).
    """
    known = np.where(np.isfinite(scores), scores, -np.inf)
    found = []
    for layers in models:
        best = known[layers].argmax(axis=0)
        none = known[layers].max(axis=0) == -np.inf
        found.append(np.where(none, np.nan, depth[layers][best]))
    return np.stack(found)


def order(depths: np.ndarray) -> np.ndarray:
    """Kendall's tau-a of depths (…, regions, subjects) with the order of the regions, the mean over subjects: (…).

    Of one subject: the pairs of regions in which the later one is deeper less those in which it is not as deep, over
    all pairs that the subject has.
    """
    first, second = np.triu_indices(depths.shape[-2], 1)
    apart = np.sign(depths[..., second, :] - depths[..., first, :])
    pairs = np.isfinite(apart).sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        tau = np.nansum(apart, axis=-2) / pairs
        known = pairs > 0
        found: np.ndarray = np.where(known, tau, 0.0).sum(axis=-1) / known.sum(axis=-1)
    return found


def order_test(depths: np.ndarray, permutations: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The order of depths (models, regions, subjects), and its one-sided p, (models,) each.

    The regions of every subject change places at random, each subject's by themselves: regions that all match the
    same depth. So it is subjects that bear witness, and not layers or stimuli: subjects who share what they are like on
    these stimuli also agree on the layer that is nearest by chance, so that of models that have nothing to do with them
    7 to 24 % had p < 0.05 in simulations. Windows of time that follow each other are alike in one subject, so that
    p is too small too. Both are seen by `order_over_stimuli`. Of few subjects and regions p is never small.
    """
    observed = order(depths)
    if not permutations:
        return observed, np.full(len(depths), np.nan)
    rng, count = np.random.default_rng([seed, 6]), depths.shape[1]
    draws = []
    for _ in range(permutations):
        places = rng.permuted(np.tile(np.arange(count)[:, None], depths.shape[2]), axis=0)
        draws.append(order(np.take_along_axis(depths, places[None], axis=1)))
    return observed, from_permutations(np.array(draws), observed, "similarity")[1]


def order_over_stimuli(
    scores: np.ndarray,
    left_out: np.ndarray,
    chance: np.ndarray,
    models: Sequence[np.ndarray],
    depth: np.ndarray,
) -> np.ndarray:
    """One-sided p, (models,), of scores that rise with depth no more in later regions than in earlier ones.

    The contrast Σ (depth - its mean) (place of the region - its mean) score over layers and regions, less that of
    chance, over its jackknife error by t. It is linear in the scores, so that the jackknife holds, which it would not
    of the order of best layers. NaN for a model of one layer.

    Args:
        scores: (layers, regions), means over subjects, the larger the better. left_out: (groups, layers, regions), the
            same with a group of stimuli left out in turn. chance: (layers, regions), of unrelated samples.
    """
    found = []
    for layers in models:
        value, error = (contrast(x[..., layers, :], depth[layers]) for x in (scores - chance, left_out))
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(stats.t.sf(value / standard_error(error), len(left_out) - 1))
    return np.array(found)


def contrast(scores: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Of scores (…, layers, regions), see `order_over_stimuli`: (…)."""
    places = np.arange(scores.shape[-1])
    found: np.ndarray = (depth - depth.mean()) @ scores @ (places - places.mean())
    return found
