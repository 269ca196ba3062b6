"""What an alignment found, in sentences: who is closest, how far that goes, and what it is worth."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from consilience.pipelines.brain.shown import LEVEL, claim, follows, is_shown
from consilience.pipelines.report.numbers import fixed, probability
from consilience.pipelines.zoo.words import metric_words

if TYPE_CHECKING:
    import xarray as xr

ENOUGH = 6  # subjects, of whom a bootstrap has something to say


def aligned(of: "xr.Dataset", metric: str, controls: set[str]) -> list[str]:
    """The findings by one metric, region by region, then model by model."""
    sentences = []
    sign = -1 if str(of["direction"].item()) == "distance" else 1
    trained = [str(m) for m in of["model"].values if str(m) not in controls]
    random = [str(m) for m in of["model"].values if str(m) in controls]
    for region in (str(r) for r in of["region"].values):
        one = of.sel(region=region)
        best = _best(one, trained or random, sign)
        if best is None:
            sentences.append(f"By {metric_words(metric)} no model has a score in {region}.")
            continue
        model = one.sel(model=best)
        layer, times = most(model["chosen"].values)
        subjects = int(np.isfinite(model["held_out"].values).sum())
        sentences.append(
            f"By {metric_words(metric)}, {best} is closest to {region}: {_interval(model)}, {_p(model)}. "
            f"Its layer was chosen for each subject on the others ({layer} for {times} of {subjects}). "
            f"{_ceiling(one, model)}"
        )
        if verdict := str(model["verdict"].item()):
            if verdict.startswith("undecided") and float(model["p"]) >= LEVEL:
                verdict = "undecided, and no word for a model that is not shown to be more than chance"
            sentences.append(f"NeuroAI Turing test of {best} in {region}: {verdict}.")
        if trained and (rival := _best(one, random, sign)) is not None:
            sentences.append(_control(one, best, rival))
        sentences += compared(one)
        if np.isfinite(one["universality"]):
            numbers = (float(one[f"universality{end}"]) for end in ("", "_p", "_low", "_high"))
            sentences.append(universal(region, *numbers))
    sentences.append(scope(of.sizes["subject"], of.attrs.get("n")))
    if (regions := of.sizes["region"]) > 1:
        sentences.append(many(regions))
    if short := few(of.sizes["subject"], of.sizes["model"] * (of.sizes["model"] - 1) // 2):
        sentences.append(short)
    for name in trained:
        one = of.sel(model=name)
        tau = float(one["order_tau"])
        if np.isfinite(tau):
            names = {"subjects": "order_p", "stimuli": "order_p_stimuli"}
            ps = {over: float(one[p]) if p in one else np.nan for over, p in names.items()}
            told = ", ".join(
                [f"tau {fixed(tau, 2)}", *(f"p {probability(p)} over {over}" for over, p in ps.items())]
            )
            both = float(np.max(list(ps.values())))  # NaN where one is
            sentences.append(follows(f"By {metric_words(metric)}, {name}", "best layers", tau, both, told))
    return sentences


def most(layers: Any) -> tuple[str, int]:
    """The layer that most of these are, and how often."""
    counted = Counter(str(x) for x in layers if str(x))
    return counted.most_common(1)[0] if counted else ("", 0)


def universal(region: str, rho: float, p: float, low: float, high: float) -> str:
    """Whether layers that agree more with other models agree more with the region; NaN where there is no interval."""
    told = claim(
        rho, p, shown=f"layers that agree more with other models agree more with {region}",
        undecided=f"undecided, agreement with other models is not shown to go with agreement with {region}",
        contrary=f"not found, layers that agree more with other models do not agree more with {region}",
    )  # fmt: skip
    if is_shown(rho, p) and not low > 0:
        told += ", of these models"  # and not shown of others
    models = f"; 95 % of draws of models {fixed(low, 2)} to {fixed(high, 2)}" if np.isfinite(low) else ""
    numbers = f"Spearman {fixed(rho, 2)} over layers, p {probability(p)} over stimuli, one-sided"
    return f"Universality: {told} ({numbers}{models})."


def compared(one: "xr.Dataset") -> list[str]:
    """How many pairs of models differ in a region; nothing of a single pair, or none."""
    rows, columns = np.triu_indices(one.sizes["model"], 1)
    if len(rows) < 2:
        return []
    subjects, *stimuli = (
        int((one[name].values[rows, columns] < LEVEL).sum())
        for name in ("difference_q", "difference_q_stimuli")
        if name in one
    )
    over = f" and {stimuli[0]} over stimuli" if stimuli else ""
    region = str(one["region"].item())
    return [
        f"Of {len(rows)} pairs of models {subjects} differ in {region} over subjects{over} (q < {LEVEL}, Holm)."
    ]


def scope(subjects: int, stimuli: int | None) -> str:
    """Of what each of the two kinds of claim holds: a p speaks of what it draws anew, and of nothing else."""
    those = f"these {stimuli} stimuli" if stimuli else "these stimuli"
    return (
        f"What is shown over stimuli (permuted, or drawn again) is a claim on other stimuli of the same kind, in these "
        f"{subjects} subjects; what is shown over subjects is one on other people, with {those}."
    )


def many(regions: int) -> str:
    """What is not corrected for."""
    return (
        f"p are of each region by itself, not corrected for the {regions} regions: of those where there is nothing one "
        f"in {round(1 / LEVEL)} is below {LEVEL} all the same."
    )


def few(subjects: int, pairs: int) -> str:
    """What so few subjects cannot show of so many pairs; nothing of six subjects or more."""
    if subjects >= ENOUGH or subjects < 2 or not pairs:
        return ""
    errors = stats.t.ppf(1 - LEVEL / (2 * pairs), subjects - 1)
    among = f"one of {pairs} pairs has" if pairs > 1 else "the pair has"
    return (
        f"With {subjects} subjects {among} to differ by {errors:.1f} standard errors over subjects for q < {LEVEL} (t, "
        "Holm), so that hardly any difference can be shown of other subjects; that one is not shown does not say that "
        "it is not there."
    )


def _control(one: "xr.Dataset", best: str, rival: str) -> str:
    apart = one.sel(model=best, model_b=rival)
    gap, low, high = (float(apart[x]) for x in ("difference", "difference_low", "difference_high"))
    subjects, stimuli = (float(apart[x]) for x in ("difference_q", "difference_q_stimuli"))
    return (
        f"With random weights the closest is {rival}: {fixed(float(one['mean'].sel(model=rival)), 3)}; trained is "
        f"{'better' if gap > 0 else 'worse'} by {fixed(abs(gap), 3)}, {where_shown(subjects, stimuli)} (difference "
        f"{fixed(gap, 3)}, 95 % interval over subjects {fixed(low, 3)} to {fixed(high, 3)}, q {probability(subjects)}; "
        f"over stimuli q {probability(stimuli)}; both corrected over the pairs of models)."
    )


def where_shown(subjects: float, stimuli: float) -> str:
    """Whether a difference is shown over subjects and over stimuli, by the p of each."""
    found = [what for what, p in (("subjects", subjects), ("stimuli", stimuli)) if p < LEVEL]
    if len(found) == 1:
        return f"shown over {found[0]}, not over {'stimuli' if found == ['subjects'] else 'subjects'}"
    return "shown over subjects and over stimuli" if found else "shown neither over subjects nor over stimuli"


def _best(one: "xr.Dataset", models: list[str], sign: int) -> str | None:
    means = {m: sign * float(one["mean"].sel(model=m)) for m in models}
    known = {m: v for m, v in means.items() if np.isfinite(v)}
    return max(known, key=known.__getitem__) if known else None


def _ceiling(one: "xr.Dataset", model: "xr.Dataset") -> str:
    lower, upper = float(one["lower"]), float(one["upper"])
    if not np.isfinite(lower):
        return "No noise ceiling is known."
    share = float(model["normalised"])
    of_it = f"; that is {100 * share:.0f} % of the lower" if share > 0 else ""
    return f"The noise ceiling is {fixed(lower, 3)} to {fixed(upper, 3)}{of_it}."


def _interval(of: "xr.Dataset") -> str:
    mean, low, high = (float(of[x]) for x in ("mean", "low", "high"))
    return f"{fixed(mean, 3)} (95 % interval over subjects {fixed(low, 3)} to {fixed(high, 3)})"


def _p(model: "xr.Dataset") -> str:
    """Of more than chance: over stimuli, and over subjects."""
    stimuli, subjects = float(model["p"]), float(model["p_subjects"])
    if not np.isfinite(stimuli):
        return "without a p"
    chance = "" if stimuli < LEVEL else ", which is not shown to be more than chance"
    over = f", and p {probability(subjects)} over subjects" if np.isfinite(subjects) else ""
    return f"p {probability(stimuli)} against permuted stimuli{over}{chance}"
