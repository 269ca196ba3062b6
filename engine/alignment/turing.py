"""The NeuroAI Turing test of every model in one region, by held-out scores."""

from typing import Any

import numpy as np

from consilience.engine.turing import LEAST_SUBJECTS, judged


def turing_of(
    held: np.ndarray, among: np.ndarray, similar: bool, bootstraps: int, seed: int
) -> dict[str, Any]:
    """Of held-out scores (models, subjects) and those of the subjects with each other (other, subject).

    Of fewer than three subjects there are the scores alone; see `consilience.engine.turing`.
    """
    apart = np.where(np.eye(len(among), dtype=bool), np.nan, among)
    if len(among) < LEAST_SUBJECTS:
        return {"brain_brain": apart}
    numbers, words = judged(held, apart, similar, bootstraps, seed)
    names = {"p_below": "gap_p", "p_brain": "gap_p_brain"}
    told = {names.get(name, name): value for name, value in numbers.items() if name != "gap_se"}
    return {"brain_brain": apart, **told, "verdict": np.array(words, object)}
