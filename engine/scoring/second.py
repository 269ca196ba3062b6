"""Metrics on sums and on neighbour lists: one sweep over the tiles, or one over moments, for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from consilience.engine.metrics.registry import ON_LISTS, Request
from consilience.engine.metrics.rsa import untied
from consilience.engine.passes import executors
from consilience.engine.passes.blocks import compute_dtype
from consilience.engine.passes.layout import layout
from consilience.engine.passes.moment_sums import empty, fill
from consilience.engine.passes.moments import MomentPass, batches, moments, near
from consilience.engine.passes.near import with_values
from consilience.engine.passes.neighbours import Neighbours
from consilience.engine.passes.powers import single_units
from consilience.engine.passes.sample import median_distance, shape_of
from consilience.engine.passes.second_order import second_order
from consilience.engine.passes.spaces import RBF
from consilience.engine.passes.sums import Sums
from consilience.engine.passes.workspace import Pool
from consilience.engine.planning import needs_of
from consilience.engine.scoring import known
from consilience.engine.scoring.evaluated import Evaluated
from consilience.engine.scoring.lists import from_neighbours
from consilience.engine.scoring.precision import (
    SAMPLE_ROWS,
    SHARE,
    fast_neighbours,
    hindrance,
    largest_error,
    matters,
)
from consilience.engine.scoring.setting import Setting
from consilience.engine.scoring.sums import from_sums
from consilience.engine.scoring.unions import from_unions

Statistics = tuple[dict[str, Sums], dict[str, Neighbours]]  # by space


def evaluate(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    """Every request on every subset of the row groups, with its null; by fast products if they are asked for and serve.

    What was asked for, and the error it brings, stands in the notes.
    """
    setting = replace(setting, medians=bandwidths(requests, setting))
    if not (why := hindrance(requests, setting)):
        # No tile serves both: sums are made of rows in bfloat16, and neighbours found in other digits.
        parts = [r for r in requests if r.needs == "sums"], [r for r in requests if r.needs != "sums"]
        return [
            e for part, fast in zip(parts, (_fast_sums, _fast_lists)) if part for e in fast(part, setting)
        ]
    notes: dict[str, Any] = {} if setting.precision == "exact" else {"precision": f"exact: {why}"}
    return _noted(_evaluated(requests, setting), notes)


def _noted(found: Sequence[Evaluated], notes: Mapping[str, Any]) -> list[Evaluated]:
    return [replace(e, notes={**e.notes, **notes}) for e in found]


def _fast_sums(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    error = largest_error(setting)
    found = _evaluated(requests, setting, fast=True)
    if setting.precision == "fast" or not matters(error, found):
        measured = min(SAMPLE_ROWS, setting.groups.n)
        return _noted(found, {"precision": "fast", "largest error": error, "measured on": measured})
    why = f"fast products bring an error of {error:.1g}, more than 1/{SHARE} of an se"
    return _noted(_evaluated(requests, setting), {"precision": f"exact: {why}"})


def _fast_lists(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    ((space, k),) = needs_of(requests).searches
    found, notes = fast_neighbours(k, setting)
    return _noted(evaluated(requests, ({}, {space: found}), setting), notes)


def _evaluated(requests: Sequence[Request], setting: Setting, fast: bool = False) -> list[Evaluated]:
    found = statistics(requests, setting, fast)
    return [replace(e, notes=setting.distances(e.request)) for e in evaluated(requests, found, setting)]


def evaluated(requests: Sequence[Request], found: Statistics, setting: Setting) -> list[Evaluated]:
    """The requests, from what a sweep found."""
    sums, neighbours = found
    done = [from_sums(r, sums[r.space], setting.subsets, setting.null) for r in requests if r.needs == "sums"]
    done += [from_unions(r, neighbours[r.space], setting) for r in requests if r.needs == "unions"]
    if lists := [r for r in requests if r.needs in ON_LISTS]:
        done += from_neighbours(
            lists, neighbours, setting.subsets, null=setting.null, permutations=setting.permutations,
            seed=setting.seed, run=setting.run, progress=setting.progress, lefts=setting.lefts,
        )  # fmt: skip
    return done


def statistics(requests: Sequence[Request], setting: Setting, fast: bool = False) -> Statistics:
    """What the requests need, by space."""
    needs = needs_of(requests)
    searches = needs.searches
    sums: dict[str, Sums] = {}
    neighbours: dict[str, Neighbours] = {}
    if setting.plan.linear_by_moments:
        sums = {"linear": _moment_sums(setting)}
    elif needs.spaces or not setting.known:
        found = second_order(
            setting.representations, setting.frames, setting.groups, setting.subsets,
            layout(setting.groups, setting.plan.tile_rows), spaces=needs.spaces,
            searches={} if setting.known else dict(searches),
            null=setting.null, strip_rows=setting.plan.strip_rows, device=setting.device, seed=setting.seed,
            run=setting.run, medians=setting.medians, fast=fast, lefts=setting.lefts,
            budget=setting.plan.budget,
        )  # fmt: skip
        sums, neighbours = found.sums, found.neighbours
        if not setting.known:
            known.keep(searches, neighbours, setting)
    if setting.known and searches:
        neighbours = known.neighbours(searches, setting)
    for space in {r.space for r in requests if r.needs == "neighbours" and r.metric.values}:
        neighbours[space] = with_values(setting.tile_pass(setting.groups), neighbours[space], setting.run)
    for space in (s for s in sums if s.endswith("/ranks")):
        sums[space] = replace(sums[space], untied=untied(sums[space].at(setting.subsets.full)))
    if any(r.units for r in requests):
        sums["linear"] = replace(
            sums["linear"],
            units=single_units(
                setting.representations, setting.frames, setting.groups, setting.subsets.masks, setting.device,
                setting.run,
            ),
            width=np.array([r.d for r in setting.representations]),
        )  # fmt: skip
    return sums, neighbours


def bandwidths(requests: Sequence[Request], setting: Setting) -> tuple[float, ...] | None:
    """The median distance of two samples, in its frame, of every representation, if a kernel wants it."""
    if setting.medians is not None or not any(r.space.startswith(RBF) for r in requests):
        return setting.medians
    work = setting.tile_pass(setting.groups)
    calls = [(work, k, setting.seed) for k in range(len(setting.representations))]
    return tuple(setting.run(median_distance, calls, executors.joined, stage="bandwidth"))


def _moment_sums(setting: Setting) -> Sums:
    reps = setting.representations
    sums = empty(setting.groups, setting.subsets, len(reps))
    pool, dtype = Pool(), compute_dtype(reps)
    budget = setting.plan.budget / 4
    for batch in batches(
        reps, near(reps, setting.pairs, setting.groups.count, budget), setting.groups.count, budget
    ):
        work = MomentPass(
            reps, setting.frames, setting.groups, tuple(batch), dtype, setting.device, norms=True, pool=pool
        )
        fill(sums, work, moments(work, run=setting.run), setting.subsets.masks, setting.run)
    if not setting.null:
        return sums
    third, bend = shape_of(setting.tile_pass(setting.groups), "linear", setting.seed, setting.run)
    return replace(sums, third=third, bend=bend)
