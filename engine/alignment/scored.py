"""The scores of an alignment: layers with recordings, layers with layers, recordings with recordings, in one go."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from consilience.engine.alignment.sides import Sides
from consilience.engine.comparison import Comparison
from consilience.engine.inference.jackknife import standard_error
from consilience.engine.metrics.registry import Request
from consilience.engine.progress import Progress
from consilience.engine.scoring import permuted
from consilience.engine.scoring.evaluated import Evaluated


@dataclass(frozen=True)
class Scored:
    """One metric on all pairs of `Sides`, numbered as its representations are."""

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

    @property
    def score(self) -> np.ndarray:
        """(R, R), read from the first to the second."""
        found: np.ndarray = self.evaluated.values[self.evaluated.subsets.full]
        return found

    @property
    def se(self) -> np.ndarray:
        """(R, R), by the jackknife; NaN without one."""
        return standard_error(self.evaluated.values[self.evaluated.subsets.leave_out])


def scored(comparison: Comparison, sides: Sides, progress: Progress) -> Iterator[Scored]:
    """Every metric; those that are not permuted later come with what unrelated samples would score."""
    setting = replace(comparison.setting(progress), pairs=sides.pairs_with_itself(), asked=sides.pairs())
    found: dict[str, Evaluated] = {}
    for null in (False, True):
        mine = [r for r in comparison.requests if permuted.serves(r) != null]
        found |= {e.request.id: e for e in comparison.evaluated(mine, replace(setting, null=null))}
    for r in comparison.requests:
        yield Scored(found[r.id])
