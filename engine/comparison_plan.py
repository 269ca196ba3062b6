"""The plan of a comparison from shapes alone: of features that are there, or that a study has yet to extract."""

from collections.abc import Sequence

from consilience.engine.costs.size import Size
from consilience.engine.machine import Speed
from consilience.engine.metrics.registry import Request
from consilience.engine.passes import candidates
from consilience.engine.passes.blocks import dtype_of
from consilience.engine.planning import Plan, make_plan, needs_of
from consilience.engine.preprocessing import Load


def plan_comparison(
    load: Load,
    widths: Sequence[int],
    requests: Sequence[Request],
    pairs: Sequence[tuple[int, int]],
    *,
    groups: int,
    budget: float,
    speed: Speed,
    se: bool = True,
    permutations: int = 20,
    classes: Sequence[int] = (),
    precision: str = "exact",
    sampled: bool = False,
    rdms: int = 0,
    among: int = 0,
    known: Sequence[int] = (),
) -> Plan:
    """Passes, blocks and memory; the seconds are those of a machine of that speed.

    Args:
        load: the representations, and the steps before the metrics. widths: their units after those.
        pairs: of representations, those wanted and each with itself. among: see `Size`.
        permutations: 0 without a null. classes: the samples of each. sampled: random parts are drawn, see `until_se`.
        rdms: how many are RDMs. known: the representations whose neighbour lists are kept.

    Raises:
        BadInput: if even the smallest blocks need more memory than `budget`; it names both numbers.
    """
    n, needs = load.shapes[0].n, needs_of(requests)
    beside = load.beside(speed.sharing)
    if precision != "exact" and needs.searches:
        beside += candidates.memory(n, len(widths))
    item = dtype_of(n, load.wide).itemsize
    size = Size(n, tuple(widths), item, groups, tuple(pairs), beside, rdms, among, tuple(known))
    plan = make_plan(
        size,
        needs,
        budget=budget,
        speed=speed,
        se=se,
        permutations=permutations,
        sampled=sampled,
        classes=classes,
    )
    return load.added(plan, size, speed)
