"""Metrics on sums and on neighbour lists: one sweep over the tiles, or one over moments, for all of them."""

from collections.abc import Sequence

from consilience.engine.metrics.registry import Request
from consilience.engine.passes.blocks import compute_dtype
from consilience.engine.passes.layout import layout
from consilience.engine.passes.moment_sums import empty, fill
from consilience.engine.passes.moments import MomentPass, batches, moments
from consilience.engine.passes.neighbours import Neighbours
from consilience.engine.passes.second_order import second_order
from consilience.engine.passes.sums import Sums
from consilience.engine.passes.workspace import Pool
from consilience.engine.planning import needs_of
from consilience.engine.scoring.evaluated import Evaluated
from consilience.engine.scoring.lists import from_neighbours
from consilience.engine.scoring.setting import Setting
from consilience.engine.scoring.sums import from_sums

Statistics = tuple[dict[str, Sums], dict[str, Neighbours]]  # by space


def evaluate(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    """Every request on every subset of the row groups, with its null."""
    found = statistics(requests, setting)
    return [evaluated(r, found, setting) for r in requests]


def evaluated(request: Request, found: Statistics, setting: Setting) -> Evaluated:
    """One request, from what a sweep found."""
    sums, neighbours = found
    if request.metric.needs == "sums":
        return from_sums(request, sums[request.space], setting.subsets, setting.null)
    return from_neighbours(
        request, neighbours[request.space], setting.subsets, null=setting.null, permutations=setting.permutations,
        seed=setting.seed, progress=setting.progress,
    )  # fmt: skip


def statistics(requests: Sequence[Request], setting: Setting) -> Statistics:
    """What the requests need, by space."""
    if setting.plan.linear_by_moments:
        return {"linear": _moment_sums(setting)}, {}
    needs = needs_of(requests)
    found = second_order(
        setting.representations, setting.frames, setting.groups, setting.subsets,
        layout(setting.groups, setting.plan.tile_rows), spaces=needs.spaces, searches=dict(needs.searches),
        null=setting.null, strip_rows=setting.plan.strip_rows, device=setting.device, seed=setting.seed,
        run=setting.run,
    )  # fmt: skip
    return found.sums, found.neighbours


def _moment_sums(setting: Setting) -> Sums:
    reps = setting.representations
    sums = empty(setting.groups, setting.subsets, len(reps))
    pool, dtype = Pool(), compute_dtype(reps)
    for batch in batches(reps, setting.pairs, setting.groups.count, setting.plan.budget / 4):
        work = MomentPass(
            reps, setting.frames, setting.groups, tuple(batch), dtype, setting.device, norms=True, pool=pool
        )
        fill(sums, work, moments(work, run=setting.run), setting.subsets.masks, setting.run)
    return sums
