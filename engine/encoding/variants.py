"""From models scored on every fold to what is told of each space: variance of its own, and the best layer of a
model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from consilience.engine.encoding.models import Model, Scored
from consilience.engine.features.representation import Representation


@dataclass(frozen=True)
class Told:
    """Arrays of S spaces (or models, once their layers are chosen), F folds and v responses.

    Attributes:
        r, r2, penalty, inner: (S, F, v) of each space by itself; `inner` as in `Scored`.
        unique: (S, F, v) R² of a larger model less R² of that without the space.
        joint_r, joint_r2: (S, F, v) of each space with the nuisance, or (F, v) of all spaces together.
        bands: (S, F, v) penalties of the spaces in the model of all.
        nuisance, shared: (F, v) R² of the nuisance, and what is of no space alone.
        chosen: (models, F, regions) the number of the layer chosen; every_r: (S, F, v) r of all layers.
    """

    r: np.ndarray
    r2: np.ndarray
    penalty: np.ndarray
    inner: np.ndarray
    unique: np.ndarray | None = None
    joint_r: np.ndarray | None = None
    joint_r2: np.ndarray | None = None
    bands: np.ndarray | None = None
    nuisance: np.ndarray | None = None
    shared: np.ndarray | None = None
    chosen: np.ndarray | None = None
    every_r: np.ndarray | None = None


def models_of(spaces: int, *, nuisance: bool, joint: bool) -> list[Model]:
    """The models wanted of spaces 0 ... S - 1, and of the nuisance as space S.

    Each by itself; then, if `joint`, all together and all but each in turn; else the nuisance, and each with it.
    """
    alone = [Model((s,)) for s in range(spaces)]
    if joint:
        every = tuple(range(spaces))
        return [*alone, Model(every), *(Model(tuple(o for o in every if o != s)) for s in every)]
    return [*alone, Model((spaces,)), *(Model((spaces, s)) for s in range(spaces))] if nuisance else alone


def told(found: Sequence[Scored], spaces: int, *, nuisance: bool, joint: bool) -> Told:
    """What the models of `models_of` say, in its order."""
    alone, rest = found[:spaces], found[spaces:]
    plain = Told(
        np.array([s.r for s in alone]), np.array([s.r2 for s in alone]),
        np.array([s.penalty[:, 0] for s in alone]), np.array([s.inner for s in alone]),
    )  # fmt: skip
    if not rest:
        return plain
    first, others = rest[0], rest[1:]
    if joint:
        unique = np.array([first.r2 - without.r2 for without in others])
        return replace(
            plain, unique=unique, joint_r=first.r, joint_r2=first.r2, shared=first.r2 - unique.sum(axis=0),
            bands=np.moveaxis(first.penalty, 1, 0),
        )  # fmt: skip
    r, r2 = np.array([s.r for s in others]), np.array([s.r2 for s in others])
    return replace(plain, unique=r2 - first.r2, joint_r=r, joint_r2=r2, nuisance=first.r2)


def layers_chosen(of: Told, spaces: Sequence[Representation], regions: np.ndarray) -> Told:
    """For every model, fold and region the layer with the best R² inside the training folds, averaged over units.

    Args:
        regions: (v,) the number of the region of every response. Responses that have no R² are left out of the
            average.
    """
    models = list(dict.fromkeys(r.model for r in spaces))
    folds, count = of.r.shape[1], int(regions.max()) + 1
    chosen = np.empty((len(models), folds, count), np.int64)
    with np.errstate(invalid="ignore"):
        merit = np.nan_to_num(of.inner, nan=0.0, posinf=0.0, neginf=0.0)
    by_region = np.stack([merit[..., regions == g].mean(axis=-1) for g in range(count)], axis=-1)
    for m, model in enumerate(models):
        layers = np.array([k for k, r in enumerate(spaces) if r.model == model])
        chosen[m] = layers[by_region[layers].argmax(axis=0)]
    at = chosen[..., regions]  # (models, F, v)

    def pick(values: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, at, axis=0)

    wanted = {
        name: getattr(of, name) for name in ("r", "r2", "penalty", "inner", "unique", "joint_r", "joint_r2")
    }
    return replace(
        of, chosen=chosen, every_r=of.r, **{k: pick(v) for k, v in wanted.items() if v is not None}
    )
