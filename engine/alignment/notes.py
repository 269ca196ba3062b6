"""What a reader of the table must know of values that are not there."""

from consilience.engine.alignment.sides import LEAST_SUBJECTS, Sides
from consilience.engine.alignment.universality import LEAST_MODELS
from consilience.engine.comparison import Comparison
from consilience.engine.scoring import permuted
from consilience.engine.turing import LEAST_SUBJECTS as LEAST_TURING


def told(comparison: Comparison, sides: Sides, permutations: int) -> list[str]:
    """Sentences, each on one thing."""
    notes = []
    for region, present in zip(sides.regions, sides.present):
        if lacking := [s for s, here in zip(sides.subjects, present) if not here]:
            notes.append(f"{region}: not recorded in {', '.join(lacking)}")
        if present.sum() < LEAST_SUBJECTS:
            notes.append(f"{region}: of one subject no layer is chosen, and there is no ceiling")
        elif present.sum() < LEAST_TURING:
            notes.append(f"{region}: no Turing test of fewer than {LEAST_TURING} subjects")
    notes += [
        f"{r.id}: no p from permuted stimuli, each of which would be a fit or a sort; chance is that of the layers "
        "chosen, by the null of the metric"
        for r in comparison.requests
        if permutations and not permuted.serves(r)
    ]
    if 1 < len(sides.models) < LEAST_MODELS:
        notes.append(f"no interval of universality from fewer than {LEAST_MODELS} models")
    return notes
