"""What the repeats of a recording say of it, in sentences."""

from typing import TYPE_CHECKING

import numpy as np

from consilience.pipelines.brain.shown import LEVEL
from consilience.pipelines.report.numbers import fixed, probability

if TYPE_CHECKING:
    import xarray as xr


def reliable(table: "xr.Dataset") -> list[str]:
    """One sentence or two a region."""
    found = []
    for region in (str(r) for r in table["region"].values):
        one = table.sel(region=region)
        if np.isfinite(one["accuracy"]).any():
            found.append(_decoded(one, region, table.sizes["stimulus"], table.sizes["repeat"]))
        if np.isfinite(one["rdm_pairs"]).any():
            found.append(_dissimilar(one, region))
    return found


def _decoded(one: "xr.Dataset", region: str, stimuli: int, repeats: int) -> str:
    ceiling = float(one["units_ceiling"].mean())
    reach = f" A perfect model of the mean over repeats reaches r {fixed(ceiling, 2)} on average over units."
    chance = fixed(float(one["chance"].mean()), 3)
    told = "is told" if _any_below(one["accuracy_p"]) else "is not shown to be told"
    return (
        f"Which of {stimuli} stimuli was there {told} from {region}: right in {_right(one)} of all cases, in the one "
        f"of {repeats} repeats that was left out (chance {chance}; {_tested(one['accuracy_p'])})."
        f"{reach if np.isfinite(ceiling) else ''}"
    )


def _dissimilar(one: "xr.Dataset", region: str) -> str:
    pairs, whole, lower, upper = (
        float(one[x].mean()) for x in ("rdm_pairs", "rdm", "rdm_lower", "rdm_upper")
    )
    told = "agree" if _any_below(one["rdm_p"]) else "are not shown to agree"
    return (
        f"Dissimilarities in {region} {told} from repeat to repeat: {fixed(pairs, 3)} "
        f"({_tested(one['rdm_p'])}); those of the mean over repeats have a reliability of "
        f"{fixed(whole, 2)} (split halves, Spearman–Brown). The noise ceiling of a single repeat is "
        f"{fixed(lower, 3)} to {fixed(upper, 3)}."
    )


def _right(one: "xr.Dataset") -> str:
    if one.sizes["subject"] == 1:
        return fixed(float(one["accuracy"].mean()), 2)
    low, high = (float(one[f"accuracy_{end}"]) for end in ("low", "high"))
    mean = fixed(float(one["accuracy_mean"]), 2)
    return f"{mean} (95 % interval over subjects {fixed(low, 2)} to {fixed(high, 2)})"


def _any_below(p: "xr.DataArray") -> bool:
    """Whether any subject's p is small; without any p the number stands for itself."""
    return bool((p < LEVEL).any()) or not bool(p.notnull().any())


def _tested(p: "xr.DataArray") -> str:
    """The p of a subject, or the largest of several where all are small, or how many are."""
    known = p.values[np.isfinite(p.values)]
    if not len(known):
        return "without a p"
    small, largest = int((known < LEVEL).sum()), f"p {probability(float(known.max()))}"
    if len(known) > 1 and small < len(known):
        return f"p < {LEVEL} in {small} of {len(known)} subjects, against permuted stimuli"
    return f"{largest}{' or less in every subject' if len(known) > 1 else ''} against permuted stimuli"
