"""Metrics on what random batches of samples contribute."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np

from consilience.engine.inference.subsets import Subsets, deal, subsets
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.batches import Part, batch_parts
from consilience.engine.scoring.evaluated import EXACT, Evaluated, Tail, exact_tail, mirrored
from consilience.engine.scoring.second import bandwidths
from consilience.engine.scoring.setting import Setting


def evaluate(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    """Every request; the jackknife leaves out groups of batches. Samples are permuted within their batch."""
    setting = replace(setting, medians=bandwidths(requests, setting))
    found = []
    for r in requests:
        batches = deal(setting.groups.n, -(-setting.groups.n // r.parameters["batch"]), setting.seed, run=1)
        chosen = subsets(min(setting.groups.count, batches.count), se=setting.se)
        groups = chosen.masks.shape[1]
        dealt = [(b, b * groups // batches.count) for b in range(batches.count)]
        parts = batch_parts(setting.tile_pass(batches), contributions([r]), dealt, setting.run)
        notes = {"batches": batches.count, **setting.distances(r)}
        of_groups = [parts[r.id, g] for g in range(groups)]
        found.append(from_parts(r, of_groups, chosen, setting, setting.groups.n, notes))
    return found


def contributions(requests: Sequence[Request]) -> dict[str, tuple[str, Part]]:
    """What each request adds up over batches, and in which space."""
    found: dict[str, tuple[str, Part]] = {}
    for r in requests:
        assert r.metric.part is not None
        found[r.id] = r.space, partial(r.metric.part, at=(0,), **r.parameters)
    return found


def from_parts(
    request: Request,
    parts: Sequence[Any],
    chosen: Subsets,
    setting: Setting,
    n: int,
    notes: Mapping[str, Any],
) -> Evaluated:
    """The metric of every subset of the groups of batches, from what each group contributes."""
    metric, given = request.metric, request.parameters
    of = [reduce(add, [part for part, wanted in zip(parts, mask) if wanted]) for mask in chosen.masks]
    with np.errstate(invalid="ignore", divide="ignore"):
        values = mirrored(np.concatenate([metric.finish(part, **given) for part in of]), request.symmetric)
    tails: list[Tail | None] = [None, None]
    if setting.null and metric.null is not None:
        for k, subset in enumerate(chosen.tested):
            tails[k] = exact_tail(metric.null(of[subset], **given), values[subset], request)
    how = f"{EXACT}, within batches" if tails[0] else "none"
    return Evaluated(request, values, chosen, n, tails[0], tails[1], how, dict(notes))
