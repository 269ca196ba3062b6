"""Scores of all pairs when the samples of one model are permuted, the same way for all its layers and every metric.

What comes first for every request are its scores as the samples are, then those under each of the seeded permutations,
a run of them at a time: (m, R, R). Of a pair (a, b) of the setting it is b whose samples are permuted, whichever way
round the score is read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from consilience.engine.metrics.registry import ON_LISTS, Request
from consilience.engine.passes.neighbours import NeighbourLists
from consilience.engine.passes.permuted import permuted
from consilience.engine.passes.sums import Sums
from consilience.engine.scoring import lists
from consilience.engine.scoring.crosses import cross_terms, pairs_of_two, runs
from consilience.engine.scoring.first import prepared
from consilience.engine.scoring.second import bandwidths, evaluated, statistics
from consilience.engine.scoring.setting import Setting

ARRAYS = 12  # (R, R) that the sums and scores of one permutation take

Draws = Iterator[tuple[Request, np.ndarray]]


def serves(request: Request) -> bool:
    """Whether the scores of this metric under permutations of all samples are to be had from one sweep.

    Of a metric on repeats they are if `setting` has those crossed.
    """
    return request.needs in FAMILIES and not request.parameters.get("folds", 0)


def draws(requests: Sequence[Request], setting: Setting) -> Draws:
    """Every request, see above."""
    for family in dict.fromkeys(FAMILIES.values()):
        if mine := [r for r in requests if FAMILIES[r.needs] is family]:
            yield from family(mine, setting)


def second_order(requests: Sequence[Request], setting: Setting) -> Draws:
    """Metrics on sums and on neighbour lists."""
    setting = replace(setting, medians=bandwidths(requests, setting))
    found = statistics(requests, setting)
    full = setting.subsets.full
    for e in evaluated(requests, found, setting):
        yield e.request, e.values[full][None]
    sums, neighbours = found
    for space in sums:
        mine = [r for r in requests if r.needs == "sums" and r.space == space]
        yield from _from_sums(mine, space, sums[space].at(full), setting)
    for r in requests:
        if r.needs in ON_LISTS:
            yield from _from_lists(
                r, neighbours[r.space].lists(setting.subsets, full, r.parameters["k"]), setting
            )


def first_order(requests: Sequence[Request], setting: Setting) -> Draws:
    """Metrics on moments."""
    work = prepared(requests, setting)
    factors = work.factors()
    observed = work.values(factors, setting.pairs)[:, work.subsets.full]
    for k, request in enumerate(requests):
        yield request, observed[k][None]
    pairs = pairs_of_two(setting)
    for some in runs(setting):
        scores = work.draws(factors, pairs, some)
        for k, request in enumerate(requests):
            yield request, scores[:, k]


def _from_sums(requests: Sequence[Request], space: str, sums: Sums, setting: Setting) -> Draws:
    length = max(1, int(setting.plan.budget / 8 / (8 * ARRAYS * len(setting.representations) ** 2)))
    for orders, cross, margins in cross_terms(space, setting):
        for start in range(0, len(orders), length):
            some = slice(start, start + length)
            found = permuted(sums, cross[some], margins, orders[some], pairs_of_two(setting))
            for r in requests:
                with np.errstate(invalid="ignore", divide="ignore"):
                    scores = r.metric.finish(found, **r.parameters)
                yield r, scores


def _from_lists(request: Request, view: NeighbourLists, setting: Setting) -> Draws:
    for some in runs(setting):
        yield request, lists.draws(request, view, some, setting.run)


# How metrics on each statistic are evaluated while samples are permuted.
FAMILIES: dict[str, Callable[[Sequence[Request], Setting], Draws]] = {
    "sums": second_order,
    "neighbours": second_order,
    "overlaps": second_order,
    "moments": first_order,
}
