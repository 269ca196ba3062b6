"""What a brain study found, in sentences: the first thing a person reads on the terminal and on the report."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.pipelines.brain.words_reliable import reliable
from consilience.pipelines.report.numbers import fixed, probability
from consilience.pipelines.words import is_control, metric_words

if TYPE_CHECKING:
    import xarray as xr


def summary(results: "Mapping[str, xr.Dataset]", about: dict[str, Any]) -> list[str]:
    """The findings, most important first.

    Args:
        results: the tables of the study, by name.
        about: of `provenance.describe`: cards, recordings, left_out, notes.
    """
    found: list[str] = []
    controls = {model for model, card in about["cards"].items() if is_control(card)}
    if "alignment" in results:
        alignment = results["alignment"]
        for metric in alignment["metric"].values:
            found += _aligned(alignment.sel(metric=metric), str(metric), controls)
    if "encoding" in results:
        found += _encoded(results["encoding"])
    if "reliability" in results:
        found += reliable(results["reliability"])
    return [*found, *_data(about)]


def most(layers: Any) -> tuple[str, int]:
    """The layer that most of these are, and how often."""
    counted = Counter(str(x) for x in layers if str(x))
    return counted.most_common(1)[0] if counted else ("", 0)


def spaces_of(encoding: "xr.Dataset", kind: str) -> list[str]:
    """The spaces of an encoding that are ``features`` or ``nuisance``."""
    return [str(s) for s in encoding["space"].values[encoding["kind"].values == kind]]


def _aligned(of: "xr.Dataset", metric: str, controls: set[str]) -> list[str]:
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
            f"By {metric_words(metric)}, {best} is closest to {region}: {_interval(model)}, {_p(model['p'])}. "
            f"Its layer was chosen for each subject on the others ({layer} for {times} of {subjects}). "
            f"{_ceiling(one, model)}"
        )
        if str(model["verdict"].item()):
            sentences.append(f"NeuroAI Turing test of {best} in {region}: {model['verdict'].item()}.")
        if trained and (rival := _best(one, random, sign)) is not None:
            sentences.append(_control(one, best, rival))
        if np.isfinite(one["universality"]):
            sentences.append(
                f"Layers that agree with other models agree with {region}: Spearman "
                f"{fixed(float(one['universality']), 2)} over layers, p {probability(float(one['universality_p']))}."
            )
    for name in trained:
        one = of.sel(model=name)
        if np.isfinite(one["order_tau"]):
            sentences.append(
                f"{name}: best layers follow the hierarchy with tau {fixed(float(one['order_tau']), 2)}, "
                f"p {probability(float(one['order_p']))}."
            )
    return sentences


def _control(one: "xr.Dataset", best: str, rival: str) -> str:
    apart = one.sel(model=best, model_b=rival)
    gap, low, high = (float(apart[x]) for x in ("difference", "difference_low", "difference_high"))
    return (
        f"With random weights the closest is {rival}: {fixed(float(one['mean'].sel(model=rival)), 3)}; trained is "
        f"better by {fixed(gap, 3)} (95 % interval over subjects {fixed(low, 3)} to {fixed(high, 3)}; over stimuli "
        f"p {probability(float(apart['difference_p_stimuli']))})."
    )


def _best(one: "xr.Dataset", models: list[str], sign: int) -> str | None:
    means = {m: sign * float(one["mean"].sel(model=m)) for m in models}
    known = {m: v for m, v in means.items() if np.isfinite(v)}
    return max(known, key=known.__getitem__) if known else None


def _ceiling(one: "xr.Dataset", model: "xr.Dataset") -> str:
    lower, upper = float(one["lower"]), float(one["upper"])
    if not np.isfinite(lower):
        return "No noise ceiling is known."
    share = float(model["normalised"])
    of_it = f"; that is {100 * share:.0f} % of the lower" if np.isfinite(share) else ""
    return f"The noise ceiling is {fixed(lower, 3)} to {fixed(upper, 3)}{of_it}."


def _encoded(table: "xr.Dataset") -> list[str]:
    sentences = []
    nuisance, features = spaces_of(table, "nuisance"), spaces_of(table, "features")
    beyond = ", ".join(nuisance)
    for space in features:
        one = table.sel(space=space)
        name = "unique_r2" if nuisance else "r"
        region = _peak(one[f"{name}_mean"])
        if region is None:
            continue
        at = one.sel(region=region)
        what = f"R² beyond {beyond}" if nuisance else "r on held-out rows"
        held = f"; by itself r {_numbers(at, 'r')}" if nuisance else ""
        sentences.append(
            f"{space} explains most in {region}: {what} {_numbers(at, name)}, q {probability(float(at[f'{name}_q']))} "
            f"over all spaces and regions{held}. {_time_ceiling(at)}"
        )
        if nuisance:
            clear = [str(r) for r in table["region"].values if float(one["unique_r2_q"].sel(region=r)) < 0.05]
            told = f"in {', '.join(clear)}" if clear else "in no region"
            sentences.append(f"{space} explains variance beyond {beyond} (q < 0.05 over subjects) {told}.")
        if "order_tau" in table and np.isfinite(table["order_tau"].sel(space=space)):
            tau, p = (float(table[x].sel(space=space)) for x in ("order_tau", "order_p"))
            sentences.append(
                f"{space}: layers chosen follow the hierarchy with tau {fixed(tau, 2)}, p {probability(p)}."
            )
    for space in nuisance:
        one = table.sel(space=space)
        region = _peak(one["r_mean"])
        if region is not None:
            sentences.append(
                f"{space} alone predicts {region} best, with r {_numbers(one.sel(region=region), 'r')}."
            )
    return sentences


def _peak(values: "xr.DataArray") -> str | None:
    known = values.values
    return None if np.isnan(known).all() else str(values["region"].values[int(np.nanargmax(known))])


def _time_ceiling(at: "xr.Dataset") -> str:
    lower, upper = (float(at[name].mean()) for name in ("lower", "upper"))
    return (
        f"The ceiling of r is {fixed(lower, 3)} to {fixed(upper, 3)}."
        if np.isfinite(lower)
        else "No ceiling is known."
    )


def _numbers(at: "xr.Dataset", name: str) -> str:
    mean, low, high = (float(at[f"{name}_{x}"]) for x in ("mean", "low", "high"))
    return (
        f"{fixed(mean, 3)} (95 % interval over subjects {fixed(low, 3)} to {fixed(high, 3)}, "
        f"p {probability(float(at[f'{name}_p']))})"
    )


def _interval(of: "xr.Dataset") -> str:
    mean, low, high = (float(of[x]) for x in ("mean", "low", "high"))
    return f"{fixed(mean, 3)} (95 % interval over subjects {fixed(low, 3)} to {fixed(high, 3)})"


def _p(value: Any) -> str:
    return f"p {probability(float(value))} against permuted stimuli" if np.isfinite(value) else "without a p"


def _data(about: dict[str, Any]) -> list[str]:
    data = about["recordings"]
    subjects = len(data["subjects"])
    who = "1 subject" if subjects == 1 else f"{subjects} subjects"
    regions = f"{len(data['regions'])} region{'' if len(data['regions']) == 1 else 's'}: {', '.join(data['regions'])}"
    sentences = [f"{who} of {data['name']} with {regions}."]
    sentences += [f"Left out: {x}." for x in data["excluded"]]
    sentences += [f"{model} was left out: {why}" for model, why in about["left_out"].items()]
    for table in about["tables"]:
        if table["rejected"]:
            sample, reason = table["rejected"][0]
            sentences.append(
                f"{table['model']}: {len(table['rejected'])} samples rejected, the first {sample} ({reason})."
            )
    sentences += about["notes"]
    return [*sentences, f"Data: {data['citation']}. Licence: {data['licence']}."]


def told(dataset: "xr.Dataset | None", name: str, default: Any) -> Any:
    """A JSON attribute of a table that may not be there."""
    return default if dataset is None or name not in dataset.attrs else json.loads(dataset.attrs[name])
