"""One metric evaluated on every row subset, summarised into the variables of the score table."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from consilience.engine.inference.jackknife import standard_error
from consilience.engine.inference.maximum import LEAST_PERMUTATIONS, critical
from consilience.engine.inference.null import Null, calibrated, from_permutations
from consilience.engine.inference.subsets import Subsets
from consilience.engine.metrics.registry import Request

EXACT = "exact permutation moments"


@dataclass(frozen=True)
class Tail:
    """The null of one evaluation, its 95 % point τ, and the p-values of its scores, each (R, R)."""

    null: Null
    threshold: np.ndarray
    p: np.ndarray


@dataclass(frozen=True)
class Evaluated:
    """Scores (S, R, R) of one metric on S row subsets, and its null on all rows and on the holdout half.

    `how` says where the null comes from; `notes` are what else a reader must know to compute the score again.
    """

    request: Request
    values: np.ndarray
    subsets: Subsets
    n: int
    tail: Tail | None = None
    tail_holdout: Tail | None = None
    how: str = "none"
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def groups(self) -> int:
        """Groups of the jackknife behind `se`; 0 without one."""
        return self.subsets.leave_out.stop - self.subsets.leave_out.start

    @property
    def groups_holdout(self) -> int:
        return self.subsets.holdout_leave_out.stop - self.subsets.holdout_leave_out.start

    def variables(self) -> dict[str, np.ndarray]:
        """The variables of the score table, each (R, R)."""
        score = self.values[self.subsets.full]
        found = {"score": score, "n": np.full(score.shape, float(self.n))}
        if self.groups:
            found["se"] = standard_error(self.values[self.subsets.leave_out])
        if self.tail is not None:
            null = self.tail.null
            found |= {"null_mean": null.mean, "z": null.z(score), "p": self.tail.p}
            found["calibrated"] = calibrated(score, self.tail.threshold, self.request.best)
        if self.subsets.select is not None and self.subsets.holdout is not None:
            found["score_select"] = self.values[self.subsets.select]
            found["score_holdout"] = self.values[self.subsets.holdout]
        if self.groups_holdout:
            found["se_holdout"] = standard_error(self.values[self.subsets.holdout_leave_out])
        if self.tail_holdout is not None:
            found["z_holdout"] = self.tail_holdout.null.z(found["score_holdout"])
            found["p_holdout"] = self.tail_holdout.p
        return found


def exact_tail(null: Null, score: np.ndarray, request: Request) -> Tail:
    """The tail of a null whose moments are known."""
    direction = request.metric.direction
    return Tail(null, null.threshold(direction), null.p(score, direction))


def drawn_tail(draws: np.ndarray, score: np.ndarray, request: Request) -> Tail:
    """The tail of a null that was drawn, (permutations, R, R). Of few draws there is no 95 % point: τ is NaN."""
    direction = request.metric.direction
    null, p = from_permutations(draws, score, direction)
    enough = len(draws) >= LEAST_PERMUTATIONS
    return Tail(null, critical(draws, score, direction) if enough else np.full_like(score, np.nan), p)


def mirrored(values: np.ndarray, symmetric: bool) -> np.ndarray:
    """Of a symmetric metric one triangle, and its mirror image: sums of both ways round differ in the last bit."""
    upper = np.triu(values)
    return upper + np.triu(values, 1).swapaxes(-1, -2) if symmetric else values
