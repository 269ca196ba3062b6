"""The scores of an alignment: layers with recordings, layers with layers, recordings with recordings, in one go."""

from dataclasses import dataclass, replace

import numpy as np

from consilience.engine.alignment.sides import Sides
from consilience.engine.comparison import Comparison
from consilience.engine.inference.jackknife import standard_error
from consilience.engine.metrics.registry import Request
from consilience.engine.scoring import permuted
from consilience.engine.scoring.evaluated import Evaluated
from consilience.engine.scoring.setting import Setting


@dataclass(frozen=True)
class Scored:
    """One metric on all pairs of `sides`; what it gives is read from the first to the second of a pair."""

    sides: Sides
    evaluated: Evaluated

    @property
    def request(self) -> Request:
        return self.evaluated.request

    @property
    def similar(self) -> bool:
        return self.request.metric.direction == "similarity"

    @property
    def sign(self) -> float:
        """What makes the larger score the better one."""
        return 1.0 if self.similar else -1.0

    def scores(self, region: int) -> np.ndarray:
        """(layers, those subjects who have the region)."""
        return self._across(self.evaluated.values[self.evaluated.subsets.full], region)

    def errors(self, region: int) -> np.ndarray:
        """The same of standard errors."""
        return standard_error(self.left_out(region))

    def left_out(self, region: int) -> np.ndarray:
        """(groups, layers, subjects): the scores without each group of samples."""
        return self._across(self.evaluated.values[self.evaluated.subsets.leave_out], region)

    def unrelated(self, region: int) -> np.ndarray:
        """(layers, subjects): means of unrelated samples, NaN where they are not known."""
        tail = self.evaluated.tail
        if tail is None:
            return np.full(self.scores(region).shape, np.nan)
        return self._across(tail.null.mean, region)

    def among(self, region: int) -> np.ndarray:
        """(other, subject): the recordings of a region with each other."""
        those = self.sides.brains(region)
        return self.evaluated.values[self.evaluated.subsets.full][np.ix_(those, those)]

    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """(layers, layers) on one half of the samples and on the other; on all of them, twice, where there are none."""
        subsets, count = self.evaluated.subsets, len(self.sides.layers)
        full = subsets.full
        select = full if subsets.select is None else subsets.select
        holdout = full if subsets.holdout is None else subsets.holdout
        values = self.evaluated.values[:, :count, :count]
        return values[select], values[holdout]

    def _across(self, values: np.ndarray, region: int) -> np.ndarray:
        return values[..., : len(self.sides.layers), :][..., self.sides.brains(region)]


def scored(comparison: Comparison, setting: Setting, sides: Sides) -> list[Scored]:
    """Every metric; those that are not permuted later come with what unrelated samples would score."""
    setting = replace(setting, pairs=sides.pairs_with_itself(), asked=sides.pairs())
    found: dict[str, Evaluated] = {}
    for null in (False, True):
        mine = [r for r in comparison.requests if permuted.serves(r) != null]
        found |= {e.request.id: e for e in comparison.evaluated(mine, replace(setting, null=null))}
    return [Scored(sides, found[r.id]) for r in comparison.requests]
