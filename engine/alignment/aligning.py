"""Align models with brains: the public call, and the order in which its parts are done."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.alignment.ceilings import ceilings
from consilience.engine.alignment.choice import NONE, held_out
from consilience.engine.alignment.over_subjects import spread
from consilience.engine.alignment.scored import Scored, scored
from consilience.engine.alignment.sides import Brains, Sides, sides_of
from consilience.engine.alignment.table import Pieces, assemble, spread_out
from consilience.engine.comparison import Comparison
from consilience.engine.progress import Progress, silent
from consilience.engine.reading import Features, Metrics


def align(
    models: Features,
    brains: Brains,
    metrics: Metrics = ("rsa:compare=spearman",),
    *,
    hierarchy: Sequence[str] | None = None,
    permutations: int = 1000,
    bootstraps: int = 2000,
    seed: int = 0,
    progress: Progress = silent,
    **options: Any,
) -> xr.Dataset:
    """Layers of models against regions of brains, over subjects."""
    start = time.perf_counter()
    sides = sides_of(models, brains, hierarchy)
    comparison = Comparison(sides.representations, None, metrics, seed=seed, progress=progress, **options)
    bounds = {r.id: ceilings(comparison, r, sides, options) for r in comparison.requests}
    pieces: dict[tuple[str, str], Pieces] = {}
    for one in scored(comparison, sides, progress):
        for k, region in enumerate(sides.regions):
            bound = bounds[one.request.id].get(region, {})
            pieces[one.request.id, region] = {**bound, **_region(one, sides, k, bound)}
    return assemble(comparison, sides, pieces, seconds=time.perf_counter() - start, notes=[])


def _region(one: Scored, sides: Sides, region: int, bound: Mapping[str, Any]) -> dict[str, Any]:
    """What one metric says of one region."""
    present, models = sides.present[region], list(sides.models.values())
    at = np.ix_(range(len(sides.layers)), sides.brains(region))
    score = one.score[at]
    chosen, held = held_out(one.sign * score, models)
    held = one.sign * held
    over = spread(held)
    low, high = over.interval()
    lower = bound.get("lower", np.nan)
    names = np.array([*(r.layer for r in sides.layers), ""], object)
    depth = np.where(chosen == NONE, np.nan, sides.depth[chosen])
    return {
        "score": spread_out(score, present),
        "se": spread_out(one.se[at], present),
        "chosen": spread_out(names[chosen], present),
        "held_out": spread_out(held, present),
        "mean": over.mean, "low": low, "high": high,
        "normalised": over.mean / lower if lower > 0 and one.similar else np.full(len(models), np.nan),
        "best_depth": spread(depth).mean,
    }  # fmt: skip
