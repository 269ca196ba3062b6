"""What a reader of the table must know of values that are not there."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from consilience.engine.alignment.scored import Scored
from consilience.engine.alignment.sides import LEAST_SUBJECTS
from consilience.engine.alignment.universality import LEAST_MODELS
from consilience.engine.scoring import permuted
from consilience.engine.turing import LEAST_SUBJECTS as LEAST_TURING


def told(everything: Sequence[Scored], permutations: int) -> list[str]:
    """Sentences, each on one thing."""
    notes, sides = [], everything[0].sides
    for region, present in zip(sides.regions, sides.present):
        if lacking := [s for s, here in zip(sides.subjects, present) if not here]:
            notes.append(f"{region}: not recorded in {', '.join(lacking)}")
        if present.sum() < LEAST_SUBJECTS:
            notes.append(f"{region}: of one subject no layer is chosen, and there is no ceiling")
        elif present.sum() < LEAST_TURING:
            notes.append(f"{region}: no Turing test of fewer than {LEAST_TURING} subjects")
    for one in everything:
        request, scores = one.request, [one.scores(k) for k in range(len(sides.regions))]
        if permutations and not permuted.serves(request):
            notes.append(
                f"{request.id}: no p from permuted stimuli, each of which would be a fit or a sort; chance is that of "
                "the layers chosen, by the null of the metric"
            )
        if nowhere := sum(int(np.isnan(values).sum()) for values in scores):
            notes.append(
                f"{request.id}: {nowhere} scores are not defined: {request.metric.undefined}; nor are a p against "
                "permuted stimuli, an order over stimuli and a Turing test that take one in"
            )
        for region, values in zip(sides.regions, scores):
            if len(sides.models) > 1 and (left_out := int(np.isnan(values).any(axis=1).sum())):
                notes.append(
                    f"{request.id}: universality in {region} leaves out {left_out} of {len(values)} layers, which some "
                    "subject has no score with"
                )
        if len(sides.models) > 1 and one.evaluated.subsets.select is None:
            notes.append(f"{request.id}: agreement is with layers chosen on the samples that it is scored on")
        apart = sides.model_of[:, None] != sides.model_of
        if unknown := int((np.isnan(one.halves()[1]) & apart).sum()):
            notes.append(
                f"{request.id}: agreement leaves out {unknown} scores of two layers that are not defined"
            )
        notes += [f"{request.id}: {what}: {_said(said)}" for what, said in one.evaluated.notes.items()]
    if 1 < len(sides.models) < LEAST_MODELS:
        notes.append(f"no interval of universality from fewer than {LEAST_MODELS} models")
    return notes


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
