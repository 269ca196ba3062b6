"""Which spaces are fitted together, and how they may be weighted against each other: banded ridge.

A space s of weight γ_s has its features multiplied by the root of γ_s: its penalty is α / γ_s. Weightings are drawn as
himalaya's random search draws them: the first is even, the others are Dirichlet with concentrations 0.1 and 1 in turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consilience.engine.encoding.search import Best

NAMES = ("r", "r2", "inner", "penalty")
CONCENTRATIONS = (0.1, 1.0)


@dataclass(frozen=True)
class Model:
    """Spaces of one map, by number: each has a weight of its own."""

    spaces: tuple[int, ...]


def weightings(spaces: int, count: int, seed: int) -> np.ndarray:
    """(count, spaces): rows that add up to 1; a single even one for one space."""
    even = np.full((1, spaces), 1.0 / spaces)
    if spaces == 1 or count == 1:
        return even
    rng = np.random.default_rng([seed, spaces])
    half = -(-count // len(CONCENTRATIONS))
    drawn = [rng.dirichlet([c] * spaces, half) for c in CONCENTRATIONS]
    found = np.stack(drawn, axis=1).reshape(-1, spaces)[:count]
    found[0] = even
    return found


@dataclass(frozen=True)
class Scored:
    """A model on every fold: `r`, `r2` and `inner` (F, v), the last the mean R² inside the training folds; `penalty`
    (F, spaces, v), α / γ of each of its spaces, infinite where it is not used at all."""

    r: np.ndarray
    r2: np.ndarray
    inner: np.ndarray
    penalty: np.ndarray


def scored(best: Best, weights: np.ndarray) -> Scored:
    """What `best` says, for every fold, with the weightings (Γ, B) it was chosen from."""
    folds = len(best.r)
    gamma = np.moveaxis(weights[best.weighting], 2, 1)  # (C, B, v)
    with np.errstate(divide="ignore"):
        penalty = best.penalty[:, None] / gamma
    return Scored(
        best.r, best.r2, np.broadcast_to(best.inner, best.r.shape),
        np.broadcast_to(penalty, (folds, *penalty.shape[1:])),
    )  # fmt: skip


def joined(parts: Sequence[Scored]) -> Scored:
    """Of several runs of responses, one after the other."""
    return Scored(*(np.concatenate([getattr(p, name) for p in parts], axis=-1) for name in NAMES))


def of_units(found: Scored, units: slice) -> Scored:
    """Of some responses."""
    return Scored(*(getattr(found, name)[..., units] for name in NAMES))
