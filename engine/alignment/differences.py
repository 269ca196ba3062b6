"""Models against each other, paired: over subjects, and over stimuli."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from consilience.engine.alignment.choice import scores_of
from consilience.engine.alignment.over_subjects import differences, holm, spread
from consilience.engine.inference.jackknife import standard_error


@dataclass(frozen=True)
class StimulusError:
    """Standard errors over stimuli of the differences between models (models, models), and degrees of freedom."""

    se: np.ndarray
    freedom: int

    def p(self, difference: np.ndarray) -> np.ndarray:
        """Two-sided, of no difference."""
        with np.errstate(invalid="ignore", divide="ignore"):
            found: np.ndarray = 2 * stats.t.sf(np.abs(difference / self.se), self.freedom)
        return found


def from_bootstrap(draws: np.ndarray, n: int) -> StimulusError:
    """Of means (draws, models), on n stimuli drawn with replacement; draws without a score are left out."""
    over = spread(differences(draws.T))
    return StimulusError(over.se * np.sqrt(over.count), n - 1)


def from_jackknife(scores: np.ndarray, chosen: np.ndarray) -> StimulusError:
    """Of scores (groups, layers, subjects), a group of stimuli left out in turn, of the layers `chosen`."""
    means = scores_of(scores, chosen).mean(axis=-1, keepdims=True)
    return StimulusError(standard_error(differences(means)[..., 0]), len(scores) - 1)


def differences_of(held: np.ndarray, error: StimulusError) -> dict[str, Any]:
    """Of held-out scores (models, subjects), the larger the better; each of the values is (models, models)."""
    itself = np.eye(len(held), dtype=bool)
    over = spread(differences(held))
    low, high = over.interval()
    p, stimuli = (np.where(itself, np.nan, of) for of in (over.p_apart(), error.p(over.mean)))
    return {
        "difference": over.mean, "difference_low": low, "difference_high": high, "difference_p": p,
        "difference_q": holm(p), "difference_p_stimuli": stimuli, "difference_q_stimuli": holm(stimuli),
    }  # fmt: skip
