"""Noise ceilings of every region, in every metric, on the samples that the scores are of."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from consilience.engine.alignment.sides import Sides
from consilience.engine.alignment.table import spread_out
from consilience.engine.ceiling import subject_ceilings
from consilience.engine.comparison import Comparison
from consilience.engine.metrics.registry import Request

TAKEN = ("budget", "device", "seed", "executor", "address", "threads")


def ceilings(
    comparison: Comparison, request: Request, sides: Sides, options: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """By region: ``lower``, ``upper`` and the same of every subject; of regions that two subjects or more have.

    Raises:
        BadInput: before any compute of that region, see `noise_ceiling`.
    """
    ids = comparison.joined.sample_ids
    taken = {k: v for k, v in options.items() if k in TAKEN}
    if request.labelled:
        given = options.get("labels")
        taken["labels"] = options.get("by") if given is None else given
    found = {}
    for k, region in enumerate(sides.regions):
        numbers = sides.brains(k)
        if len(numbers) < 2:
            continue
        brains = [comparison.representations[n] for n in numbers]
        those = {r.model: replace(r, layer="", sample_ids=ids) for r in brains}
        bounds = subject_ceilings(those, request.id, **taken)
        found[region] = {
            name: value
            for bound, values in zip(("lower", "upper"), bounds)
            for name, value in (
                (bound, float(np.mean(values))),
                (f"{bound}_subject", spread_out(values, sides.present[k])),
            )
        }
    return found
