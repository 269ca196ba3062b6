"""Rules of findings on what makes a score high or low: dominant units and directions, bias, chance, few samples.

Each takes an audit and returns a sentence with its figures, or None. Its docstring is the rule as readers see it.
"""

from typing import TYPE_CHECKING

import numpy as np

from consilience.engine.audit.agreement import CKA, named
from consilience.engine.audit.wording import capital, count, decimal, percent

if TYPE_CHECKING:
    from consilience.engine.audit.auditing import Audit

Said = tuple[str, dict[str, float]] | None


def dominant_units(audit: "Audit") -> Said:
    """The k units of largest variance hold at least half of a side's variance, and the k-th has at least 10 times the
    mean variance of the units below it. k is the most for which this holds, from 1 to a twentieth of the units, and at
    most 10."""
    figures: dict[str, float] = {}
    clauses = []
    for side, found in audit.dominance.items():
        if k := int(found["units_standing_out"]):
            units = found["order"].values[:k]
            share = float(found["share"].values[units].sum())
            figures |= {f"units of {side}": k, f"share of {side}": share}
            which = ("number " if k == 1 else "numbers ") + ", ".join(map(str, units[:5])) + ", …" * (k > 5)
            verb = "carries" if k == 1 else "carry"
            of = f"{percent(share)} of the variance of {side.upper()}"
            clauses.append(f"{count(k, 'unit')} ({which}) {verb} {of}")
    if not clauses:
        return None
    text = capital(" and ".join(clauses))
    taken = {f"top_{side}": int(figures.get(f"units of {side}", 0)) for side in "xy"}
    if any(k not in audit.outliers[name].values for name, k in taken.items()):
        return f"{text}; no other unit varies.", figures
    cka = audit.outliers["score"].sel(metric=CKA)
    before, after = float(cka.sel(top_x=0, top_y=0)), float(cka.sel(taken))
    figures |= {"cka": before, "cka without": after}
    change = "falls" if before - after >= 0.05 else "rises" if after - before >= 0.05 else "goes"
    them = "it" if sum(taken.values()) == 1 else "them"
    return f"{text}; without {them} CKA {change} from {decimal(before)} to {decimal(after)}.", figures


def dominant_direction(audit: "Audit") -> Said:
    """As for dominant units, of the first principal component (k = 1) of a side none of whose units stands out."""
    shares = {
        side.upper(): float(found["component_share"][0])
        for side, found in audit.dominance.items()
        if found["components_standing_out"] and not found["units_standing_out"]
    }
    if not shares:
        return None
    held = " and ".join(f"{percent(share)} of the variance of {side}" for side, share in shares.items())
    text = f"The first principal component holds {held}, spread over many units."
    return text, {f"share of {side.lower()}": share for side, share in shares.items()}


def bias(audit: "Audit") -> Said:
    """Biased CKA exceeds unbiased CKA by at least 0.05."""
    found = audit.bias
    biased, unbiased, null = (float(found[name]) for name in ("biased", "unbiased", "null_mean"))
    if not biased - unbiased >= 0.05:
        return None
    wide = [f"{s.upper()} has {audit.d[s]} units" for s in "xy" if found["wide"].sel(side=s)]
    more = f"more than the {audit.n} samples"
    why = f"{' and '.join(wide)}, {more}" if wide else f"{audit.n} samples are few for so many directions"
    text = (
        f"Biased CKA is {decimal(biased - unbiased)} above unbiased ({decimal(biased)} against {decimal(unbiased)}), "
        f"and unrelated samples would reach {decimal(null)} by it: {why}."
    )
    return text, {"biased": biased, "unbiased": unbiased, "null mean of biased": null}


def mostly_chance(audit: "Audit") -> Said:
    """By a similarity, unrelated samples score at least half of what identical representations do."""
    found = audit.agreement
    share = (found["null_mean"] / found["best"]).where(found["direction"] == "similarity")
    figures = {name: value for name, value in named(share).items() if value >= 0.5}
    if not figures:
        return None
    listed = ", ".join(f"{decimal(value)} by {name}" for name, value in figures.items())
    text = f"Shuffle the {audit.n} samples of one side, and the scores still are {listed}: mostly chance."
    return text, figures


def number_of_samples(audit: "Audit") -> Said:
    """The mean score of subsamples of about half the samples lies at least 0.05 from the score of all samples."""
    mean = audit.size["mean"]
    sizes = mean["size"].values
    if len(sizes) < 2 or sizes[-1] != audit.n:
        return None
    half = int(sizes[np.abs(sizes[:-1] - audit.n / 2).argmin()])
    before, after = (named(mean.sel(size=m)) for m in (half, audit.n))
    moving = [name for name, value in after.items() if abs(value - before.get(name, np.nan)) >= 0.05]
    if not moving:
        return None
    listed = ", ".join(f"{name} from {decimal(before[name])} to {decimal(after[name])}" for name in moving)
    both = ((half, before), (audit.n, after))
    figures = {f"{name} of {m}": values[name] for name in moving for m, values in both}
    text = f"From {half} to {audit.n} samples the score still moves: {listed}. Compare it at equal n only."
    return text, figures


def uncertain(audit: "Audit") -> Said:
    """The 95 % interval of unbiased linear CKA reaches at least 0.1 to either side."""
    at = audit.outliers.sel(metric=CKA, top_x=0, top_y=0)
    cka, low, high = (float(at[name]) for name in ("score", "low", "high"))
    if not (high - low) / 2 >= 0.1:
        return None
    ends = f"{decimal(low)} to {decimal(high)}"
    text = f"{audit.n} samples leave CKA open: {decimal(cka)}, 95 % interval {ends}."
    return text, {"cka": cka, "low": low, "high": high}
