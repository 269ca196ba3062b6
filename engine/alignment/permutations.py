"""What models that have nothing to do with the brains would score: the stimuli of one side in another order.

One order is taken for all layers and one for all subjects of a region, so that a draw keeps how layers depend on each
other, and subjects on each other. The whole choice of layers is made again in every draw: subjects are alike even in
what no model has to do with, so that the layer that is best for some by chance is good for the others too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from consilience.engine.alignment.choice import held_out
from consilience.engine.alignment.sides import Sides
from consilience.engine.comparison import Comparison
from consilience.engine.inference.null import from_permutations
from consilience.engine.inference.subsets import deal
from consilience.engine.metrics.registry import Request
from consilience.engine.scoring import permuted
from consilience.engine.scoring.crosses import check_memory
from consilience.engine.scoring.setting import Setting


@dataclass(frozen=True)
class Drawn:
    """Draws of one metric in one region, the larger the better.

    `statistic` (draws, models): means over subjects of the held-out scores; `chance` (models, subjects): means over
    draws of those; `layers` (draws, layers): means over subjects of the scores.
    """

    statistic: np.ndarray
    chance: np.ndarray
    layers: np.ndarray

    def p(self, observed: np.ndarray) -> np.ndarray:
        """Of observed means over subjects (models,): (1 + #{draws at least as good}) / (1 + draws)."""
        return from_permutations(self.statistic, observed, "similarity")[1]


def permuted_of(comparison: Comparison, setting: Setting) -> list[Request]:
    """The metrics that are scored under permutations, if `setting` has any.

    Raises:
        BadInput: where the matrices of two representations do not fit the budget.
    """
    requests = [r for r in comparison.requests if setting.permutations and permuted.serves(r)]
    check_memory(requests, setting)
    return requests


def permuted_stimuli(
    comparison: Comparison, setting: Setting, requests: Sequence[Request], sides: Sides
) -> dict[tuple[str, int], Drawn]:
    """By metric id and number of the region."""
    found: dict[tuple[str, int], Drawn] = {}
    for region in range(len(sides.regions)):
        its = _setting_of(setting, sides, region)
        for repeats in (False, True):
            if mine := [r for r in requests if r.repeats == repeats]:
                draws = _drawn(mine, comparison.crossed(its, mine[0]) if repeats else its, sides)
                found |= {(metric, region): of_metric for metric, of_metric in draws.items()}
    return found


def _drawn(requests: Sequence[Request], setting: Setting, sides: Sides) -> dict[str, Drawn]:
    """Of one region, by metric id."""
    first, models = len(sides.layers), list(sides.models.values())
    runs: dict[str, list[Drawn]] = {}
    for request, scores in permuted.draws(requests, setting):
        if request.id not in runs:
            runs[request.id] = []  # the scores as the samples are come first
            continue
        sign = 1.0 if request.metric.direction == "similarity" else -1.0
        block = sign * scores[:, :first, first:]
        held = held_out(block, models)[1]
        runs[request.id].append(Drawn(held.mean(axis=-1), held.sum(axis=0), block.mean(axis=-1)))
    return {k: _together(some) for k, some in runs.items()}


def _setting_of(setting: Setting, sides: Sides, region: int) -> Setting:
    """That of the layers and the recordings of one region, in this order."""
    those = [*range(len(sides.layers)), *sides.brains(region).tolist()]
    first = len(sides.layers)
    across = {(i, j) for i in range(first) for j in range(first, len(those))}
    return replace(
        setting,
        representations=tuple(setting.representations[k] for k in those),
        frames=tuple(setting.frames[k] for k in those),
        groups=deal(setting.groups.n, 1, setting.seed),
        pairs=tuple(sorted({*across, *((k, k) for k in range(len(those)))})),
        asked=tuple(sorted(across)),
        se=False,
        null=False,
    )


def _together(runs: Sequence[Drawn]) -> Drawn:
    statistic = np.concatenate([r.statistic for r in runs])
    chance = np.sum([r.chance for r in runs], axis=0) / len(statistic)
    return Drawn(statistic, chance, np.concatenate([r.layers for r in runs]))
