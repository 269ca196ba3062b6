"""What a score table found, in sentences: each number with its interval, and a best pair never by its own choosing."""

import json
import math
from itertools import combinations
from typing import Any

import xarray as xr

from consilience.engine.inference.interval import quantile
from consilience.engine.scores import WIDE
from consilience.pipelines.report.best import Best, best_pairs, names, sign
from consilience.pipelines.report.numbers import counted

FIELDS = {"image": "vision", "text": "language", "speech": "speech"}  # by what a model is shown


def summary(scores: xr.Dataset) -> list[str]:
    """The findings of `scores`, most important first.

    Of the first metric: the pair of layers of two models that agrees best, chosen on one half of the samples and
    scored on the other, with interval and p, and how far it lies from a control with random weights; where models of
    several modalities were compared, of each two of them. Then what was compared, the same `by_others`, and what was
    rejected or does not appear.
    """
    first = str(scores["metric"].values[0])
    found = [*_finding(scores, first, _attr(scores, "cards", {}), whole=True), _size(scores)]
    return found + by_others(scores) + _wide(scores) + _losses(scores)


def by_others(scores: xr.Dataset) -> list[str]:
    """Of each metric but the first one sentence or two: its best pair of the first two modalities, and the control."""
    cards = _attr(scores, "cards", {})
    found = (_finding(scores, str(m), cards, whole=False) for m in scores["metric"].values[1:])
    return [" ".join(sentences) for sentences in found if sentences]


def is_control(card: dict[str, Any]) -> bool:
    """Whether the card is that of a model with random weights."""
    return "random" in str(card.get("objective", "")).lower() or str(card.get("weights_hash", "")).startswith(
        "random"
    )


def metric_words(metric: str) -> str:
    """An id as it reads in a sentence: ``mutual_knn:distance=cosine,k=10`` -> ``mutual_knn (cosine, k=10)``."""
    name, _, rest = metric.partition(":")
    # A word says what it is; a number needs its name.
    facts = [x if x[x.index("=") + 1 :][:1].isdigit() else x.partition("=")[2] for x in rest.split(",") if x]
    return f"{name} ({', '.join(facts)})" if facts else name


def _finding(scores: xr.Dataset, metric: str, cards: dict[str, Any], whole: bool) -> list[str]:
    """Sentences on each two modalities, on the first two unless `whole`; or on any two models of one modality."""
    pairs = best_pairs(scores, metric)
    controls = {m for m in names(scores, "a") + names(scores, "b") if is_control(cards.get(m, {}))}
    trained = {k: v for k, v in pairs.items() if not controls & set(k)}
    kinds = {m: str(cards.get(m, {}).get("modality", "")) for pair in pairs for m in pair}
    across = {
        fields: {k: v for k, v in trained.items() if {kinds[k[0]], kinds[k[1]]} == set(fields)}
        for fields in combinations(FIELDS, 2)
    }
    found: list[str] = []
    groups: dict[tuple[str, ...], dict[tuple[str, str], Best]] = {k: v for k, v in across.items() if v}
    for fields, some in (groups or {(): trained}).items():
        best = _choose(some, scores, metric)
        if best is None:
            alone = pairs == {} and len(kinds) > 1
            return [f"By {metric_words(metric)} no pair of models has a held-out score."] if alone else []
        who = " and ".join(FIELDS[field] for field in fields) or "two models"
        agree = "lie closest" if sign(scores, metric) < 0 else "agree best"
        how = (
            ", the pair chosen on one half of the samples and scored on the other"
            if whole and not found
            else ""
        )
        found += [
            f"By {metric_words(metric)}, {who} {agree} between {_name(best)}: {_numbers(best)}{how}.",
            *_control(scores, metric, best, pairs, controls, kinds),
        ]
        if not whole:
            break
    return found


def _control(
    scores: xr.Dataset, metric: str, best: Best, pairs: dict[tuple[str, str], Best], controls: set[str],
    kinds: dict[str, str],
) -> list[str]:  # fmt: skip
    """How far the best pair lies from the best that random weights reach in the same seats."""
    seats = {kinds[best.model_a], kinds[best.model_b]}
    rivals = {
        k: v for k, v in pairs.items() if len(controls & set(k)) == 1 and {kinds[k[0]], kinds[k[1]]} == seats
    }
    rival = _choose(rivals, scores, metric)
    if rival is None:
        return []
    gap = (best.score - rival.score) * sign(scores, metric)
    # Both scores are of the same held-out samples, so their errors tend to go together: the interval is a wide one.
    half = float(quantile(scores["groups_holdout"].sel(metric=metric).item())) * math.hypot(best.se, rival.se)
    clear = "" if math.isnan(half) else f" (95 % interval {_n(gap - half)} to {_n(gap + half)})"
    nearer = "closer" if sign(scores, metric) < 0 else "more"
    if gap < 0:
        nearer, gap = ("farther" if sign(scores, metric) < 0 else "less"), -gap
        clear = "" if math.isnan(half) else f" (95 % interval {_n(gap - half)} to {_n(gap + half)})"
    return [
        f"With random weights the best, chosen in the same way, is {_name(rival)}: {_n(rival.score)}; "
        f"the trained pair is {_n(gap)} {nearer}{clear}."
    ]


def _choose(pairs: dict[tuple[str, str], Best], scores: xr.Dataset, metric: str) -> Best | None:
    return max(pairs.values(), key=lambda x: x.select * sign(scores, metric), default=None)


def _size(scores: xr.Dataset) -> str:
    tables = _attr(scores, "tables", [])
    samples = _attr(scores, "join", {}).get("rows") or int(scores["n"].max())
    models = list(dict.fromkeys(names(scores, "a") + names(scores, "b")))
    layers = len({*map(str, scores["a"].values), *map(str, scores["b"].values)})
    stimuli = sorted({str(t.get("stimuli")) for t in tables})
    on = f" of {', '.join(stimuli)}" if stimuli else ""
    metrics = counted(scores.sizes["metric"], "metric")
    return (
        f"{counted(len(models), 'model')} with {counted(layers, 'layer')}, compared on "
        f"{counted(int(samples), 'sample')}{on} by {metrics}."
    )


def _wide(scores: xr.Dataset) -> list[str]:
    """Which metrics are raised by representations with more units than samples, and by which."""
    by: dict[tuple[str, ...], list[str]] = {}
    for metric, notes in _attr(scores, "notes", {}).items():
        if wide := notes.get(WIDE):
            by.setdefault(tuple(wide), []).append(metric_words(metric))
    return [
        f"{counted(len(wide), 'layer')} with more units than samples ({', '.join(wide[:3])}{', …' * (len(wide) > 3)}): "
        f"unrelated ones then look alike by {', '.join(metrics)}; read the calibrated score."
        for wide, metrics in by.items()
    ]


def _losses(scores: xr.Dataset) -> list[str]:
    found = []
    for table in _attr(scores, "tables", []):
        if rejected := table.get("rejected"):
            sample, reason = rejected[0]
            found.append(
                f"{table['model']}: {counted(len(rejected), 'sample')} rejected, the first {sample} ({reason})."
            )
        for what, count in table.get("noted", {}).items():
            found.append(f"{table['model']}: {counted(count, 'sample')} {what}.")
    for model, count in _attr(scores, "join", {}).get("dropped", {}).items():
        if count:
            found.append(
                f"{model}: {counted(count, 'sample')} left out, because another model does not have them."
            )
    for model, why in _attr(scores, "left_out", {}).items():
        found.append(f"{model} was left out: {why}")
    return found


def _numbers(best: Best) -> str:
    spread = "" if math.isnan(best.low) else f"95 % interval {_n(best.low)} to {_n(best.high)}"
    chance = "" if math.isnan(best.p) else f"p {_p(best.p)}"
    inside = ", ".join(x for x in (spread, chance) if x)
    return _n(best.score) + (f" ({inside})" if inside else "")


def _name(best: Best) -> str:
    return f"{best.model_a}/{best.layer_a} and {best.model_b}/{best.layer_b}"


def _p(p: float) -> str:
    if p < 1e-3:
        return "< 0.001"
    return f"= {p:.3f}" if p < 0.1 else f"= {p:.2f}"


def _n(value: float) -> str:
    return f"{value:.3f}"


def _attr(scores: xr.Dataset, name: str, default: Any) -> Any:
    return json.loads(scores.attrs[name]) if name in scores.attrs else default
