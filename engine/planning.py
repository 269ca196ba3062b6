"""What a comparison will do and cost, decided before it starts: which pass, which blocks, how much memory and time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from consilience.engine.costs.apart import batch_step, class_step, sampled_step, triangle_step, union_step
from consilience.engine.costs.moments import (
    FIRST_ORDER_GROUPS,
    GROUPS_OF_MANY,
    MANY_PAIRS,
    first_order_step,
    held_out_step,
    moment_step,
)
from consilience.engine.costs.size import HeldOut, Needs, OnLists, Size, Step
from consilience.engine.costs.tiles import (
    FEW,
    LARGE_TILE_ROWS,
    LEAST_ROWS,
    LONG_STRIP_ROWS,
    STRIP_ROWS,
    TILE_ROWS,
    list_step,
    search_steps,
    state_memory,
    tile_memory,
    tile_steps,
)
from consilience.engine.errors import BadInput
from consilience.engine.inference.subsets import subsets
from consilience.engine.machine import Speed, gigabytes
from consilience.engine.metrics.registry import ON_LISTS, Request


def needs_of(requests: Sequence[Request]) -> Needs:
    """What these metrics need, together."""
    searches: dict[str, int] = {}
    for r in requests:
        if r.needs in (*ON_LISTS, "unions"):
            searches[r.space] = max(searches.get(r.space, 0), r.parameters["k"])
    return Needs(
        frozenset(r.space for r in requests if r.needs == "sums"),
        tuple(searches.items()),
        tuple(
            OnLists(r.needs == "neighbours", r.metric.null is None, r.work)
            for r in requests
            if r.needs == "neighbours" or (r.needs == "overlaps" and r.metric.null is None)
        ),
        frozenset((r.space, r.parameters["k"]) for r in requests if r.needs == "overlaps"),
        tuple((r.parameters.get("folds", 0), r.work) for r in requests if r.needs == "moments"),
        tuple(
            HeldOut(r.fits, r.parameters.get("gallery", 0), r.metric.null is None, r.work)
            for r in requests
            if r.needs == "held_out"
        ),
        tuple((r.space, r.parameters["k"]) for r in requests if r.needs == "unions"),
        tuple((r.space, r.parameters["batch"]) for r in requests if r.needs == "batches"),
        frozenset(r.space for r in requests if r.needs == "classes"),
        sum(r.needs == "triangles" for r in requests),
    )


@dataclass(frozen=True)
class Plan:
    """The passes in order, and the choices the comparison follows."""

    steps: tuple[Step, ...]
    linear_by_moments: bool
    tile_rows: int
    strip_rows: int
    budget: float

    @property
    def seconds(self) -> float:
        return sum(s.seconds for s in self.steps)

    @property
    def memory(self) -> float:
        return max((s.memory for s in self.steps), default=0.0)


def make_plan(
    size: Size,
    needs: Needs,
    *,
    budget: float,
    speed: Speed,
    se: bool = True,
    permutations: int = 20,
    classes: Sequence[int] = (),
    sampled: bool = False,
) -> Plan:
    """Choose passes by cost, blocks by memory. `classes` are the samples of each, `sampled` is `until_se`.

    Raises:
        BadInput: if even the smallest blocks need more memory than `budget`; it names both numbers.
    """
    # Where the neighbours of some are known, the others are searched by themselves.
    apart = bool(size.known and needs.searches)
    tiles = replace(needs, searches=()) if apart else needs
    by_moments = _by_moments(size, tiles, budget, speed)
    steps = []
    tile_rows, strip_rows = min(TILE_ROWS, -(-size.n // size.groups)), STRIP_ROWS
    if sampled:
        steps.append(sampled_step(size, needs, speed))
    elif by_moments:
        steps.append(moment_step(size, budget, speed))
    elif tiles.spaces or tiles.searches:
        tile_rows, strip_rows = _blocks(size, tiles, budget, speed)
        steps += tile_steps(size, tiles, tile_rows, strip_rows, budget, speed)
    if apart and not sampled:
        searched = Needs(searches=needs.searches)
        unknown = size.unknown(searched)
        if not by_moments:
            unknown = replace(unknown, beside=unknown.beside + state_memory(size, tiles))
        rows, strip = _blocks(unknown, searched, budget, speed) if unknown.count else (tile_rows, strip_rows)
        tile_rows, strip_rows = min(rows, tile_rows), min(strip, strip_rows)
        steps += search_steps(size, unknown, searched, tile_rows, strip_rows, budget, speed)
    few = subsets(first_order_groups(size.groups, size.whole), se=se)
    every = subsets(size.groups, se=se)
    if needs.lists and not sampled:
        steps.append(list_step(size, needs, speed, every, permutations))
    if needs.first_order:
        steps.append(first_order_step(size, needs, budget, speed, few, permutations))
    if needs.unions:
        steps.append(union_step(size, needs, speed, permutations, every.count))
    if needs.batches:
        steps.append(batch_step(size, needs, speed))
    if needs.classes:
        steps.append(class_step(size, needs, speed, classes or (size.n,)))
    if needs.triangles:
        steps.append(triangle_step(size, needs, speed, few.count + permutations))
    if needs.held_out:
        steps.append(held_out_step(size, needs, budget, speed, permutations))
    return Plan(tuple(steps), by_moments, tile_rows, strip_rows, budget)


def _by_moments(size: Size, needs: Needs, budget: float, speed: Speed) -> bool:
    """Whether linear sums are made of moments, and not of tiles.

    Where that takes fewer operations, if both ways fit the budget or neither does; else where it is the way that fits.
    An RDM has no units to take moments of.
    """
    if needs.spaces != {"linear"} or needs.searches or size.rdms:
        return False
    moments_fit, tiles_fit = moment_step(size, budget, speed).memory <= budget, True
    try:
        _blocks(size, needs, budget, speed)
    except BadInput:
        tiles_fit = False
    return size.moment_flops() < size.tile_flops() if moments_fit == tiles_fit else moments_fit


def _blocks(size: Size, needs: Needs, budget: float, speed: Speed) -> tuple[int, int]:
    # Strips so short that there are several pairs of them for each worker.
    few = size.count <= FEW
    tile, longest = (LARGE_TILE_ROWS, LONG_STRIP_ROWS) if few else (TILE_ROWS, STRIP_ROWS)
    strip = min(longest, max(TILE_ROWS // 4, size.n // (2 * speed.threads)))
    while tile_memory(size, needs, tile, strip, speed.sharing, budget) > budget and tile > LEAST_ROWS:
        tile, strip = tile // 2, strip // 2
    least = tile_memory(size, needs, tile, strip, speed.sharing, budget)
    if least > budget:
        raise BadInput(
            f"a tile pass within the budget of {gigabytes(budget)}",
            f"{gigabytes(least)} with the smallest blocks, {gigabytes(state_memory(size, needs))} of it statistics",
            f"raise the budget to {gigabytes(least * 1.1)}, use fewer row groups, or compare fewer layers at a time",
        )
    return tile, strip


def first_order_groups(groups: int, pairs: int) -> int:
    """Row groups of metrics that decompose a matrix for every pair and group: fewer, and fewer still for many pairs."""
    few = GROUPS_OF_MANY if pairs > MANY_PAIRS else FIRST_ORDER_GROUPS
    return few if groups % few == 0 else groups
