"""What the repeats of a recording say of it, in sentences."""

from typing import TYPE_CHECKING

import numpy as np

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
    least = float(one["accuracy_p"].max())
    ceiling = float(one["units_ceiling"].mean())
    reach = f" A perfect model of the mean over repeats reaches r {fixed(ceiling, 2)} on average over units."
    chance = fixed(float(one["chance"].mean()), 3)
    return (
        f"Which of {stimuli} stimuli was there is told from {region} right in {_right(one)} of all cases, in the one "
        f"of {repeats} repeats that was left out (chance {chance}; {_least(one, least)})."
        f"{reach if np.isfinite(ceiling) else ''}"
    )


def _dissimilar(one: "xr.Dataset", region: str) -> str:
    pairs, whole, lower, upper = (
        float(one[x].mean()) for x in ("rdm_pairs", "rdm", "rdm_lower", "rdm_upper")
    )
    return (
        f"Dissimilarities in {region} agree from repeat to repeat with {fixed(pairs, 3)} "
        f"({_least(one, float(one['rdm_p'].max()))}); those of the mean over repeats have a reliability of "
        f"{fixed(whole, 2)} (split halves, Spearman–Brown). The noise ceiling of a single repeat is "
        f"{fixed(lower, 3)} to {fixed(upper, 3)}."
    )


def _right(one: "xr.Dataset") -> str:
    if one.sizes["subject"] == 1:
        return fixed(float(one["accuracy"].mean()), 2)
    low, high = (float(one[f"accuracy_{end}"]) for end in ("low", "high"))
    mean = fixed(float(one["accuracy_mean"]), 2)
    return f"{mean} (95 % interval over subjects {fixed(low, 2)} to {fixed(high, 2)})"


def _least(one: "xr.Dataset", largest: float) -> str:
    """The p of a subject, or the largest of several."""
    if not np.isfinite(largest):
        return "without a p"
    who = "" if one.sizes["subject"] == 1 else " or less in every subject"
    return f"p {probability(largest)}{who} against permuted stimuli"
