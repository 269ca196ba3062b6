"""What the site tells: maps over time, trends, groups, and of every model its neighbours and its past."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.disk import folder_name
from consilience.engine.inference.null import benjamini_hochberg
from consilience.engine.tracking import Entry
from consilience.pipelines.report.best import best_pairs, matrix, sign
from consilience.pipelines.report.labels import place
from consilience.pipelines.report.maps import plane
from consilience.pipelines.report.numbers import number, rounded
from consilience.pipelines.zoo.words import is_control, metric_words
from consilience.pipelines.zoosite.statistics import aligned, grouping, means, trend

if TYPE_CHECKING:
    import xarray as xr

GROUPS = ("modality", "family", "architecture", "lineage", "objective", "training_data")
OVER = ("parameters", "training_size", "year")  # what mean scores are regressed on


def tables(entries: Sequence[Entry]) -> "list[xr.Dataset]":
    from consilience.engine.scores import open_scores

    return [open_scores(x.files / "scores.nc") for x in entries]


def site(entries: Sequence[Entry]) -> dict[str, Any]:
    """The content of the first page, as JSON."""
    every = tables(entries)
    last = every[-1]
    metrics = [str(m) for m in last["metric"].values]
    return {
        "metrics": [{"id": m, "words": metric_words(m)} for m in metrics],
        "maps": [_maps(m, every) for m in metrics],
        "trends": [_trend(m, last, by) for by in OVER for m in metrics],
        "over": [{"by": by, "words": _over(by, last)} for by in OVER],
        "groups": _groups(metrics, last),
    }


def square(scores: "xr.Dataset", metric: str) -> tuple[list[str], np.ndarray]:
    """Models on both sides, and their held-out best scores (M, M); the two directions of a directed metric averaged."""
    rows, columns, values = matrix(scores, metric)
    models = [m for m in rows if m in columns]
    part = values[np.ix_([rows.index(m) for m in models], [columns.index(m) for m in models])]
    return models, (part + part.T) / 2


def cards(scores: "xr.Dataset") -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(scores.attrs.get("cards", "{}"))
    return found


def _maps(metric: str, every: "Sequence[xr.Dataset]") -> list[dict[str, Any]]:
    """Of every run that can be drawn the models and where they lie, turned onto the last."""
    found = []
    for k, scores in enumerate(every):
        if metric in scores["metric"].values:
            try:
                found.append((k, plane(scores, metric)))
            except BadInput:  # fewer than three models then
                continue
    places = aligned([(x.models, x.xy) for _, x in found])
    return [
        {
            "run": k, "models": x.models, "x": xy[:, 0].round(5).tolist(), "y": xy[:, 1].round(5).tolist(),
            "held": round(x.held, 3), "place": place(xy, x.models),
        }
        for (k, x), xy in zip(found, places)
    ]  # fmt: skip


def _over(by: str, scores: "xr.Dataset") -> str:
    """What an axis of it says."""
    unit = _unit(cards(scores))
    return {"parameters": "parameters", "training_size": f"{unit or 'samples'} of training", "year": "year"}[
        by
    ]


def _unit(told: dict[str, dict[str, Any]]) -> str:
    """In what the training data of most models are counted: sizes in other units are not comparable with those."""
    units = Counter(str(card["training_unit"]) for card in told.values() if card.get("training_unit"))
    return units.most_common(1)[0][0] if units else ""


def _value(by: str, card: dict[str, Any], unit: str) -> float:
    if by == "training_size" and card.get("training_unit") != unit:
        return np.nan
    return float(card.get(by) or np.nan)


def _trend(metric: str, scores: "xr.Dataset", by: str) -> dict[str, Any]:
    """Mean scores over sizes or years; models with random weights learned nothing from theirs, and are left out."""
    models, values = square(scores, metric)
    told = cards(scores)
    kept = [i for i, m in enumerate(models) if not is_control(told.get(m, {}))]
    models, values = [models[i] for i in kept], values[np.ix_(kept, kept)]
    size = np.array([_value(by, told.get(m, {}), _unit(told)) for m in models])
    own = means(values)
    there = np.flatnonzero(np.isfinite(size) & np.isfinite(own))
    line = trend(size, values, decades=by != "year")
    found: dict[str, Any] = {
        "models": [models[i] for i in there], "size": size[there].tolist(), "score": [number(x) for x in own[there]],
        "modality": [str(told.get(models[i], {}).get("modality", "")) for i in there],
    }  # fmt: skip
    if line is None:
        return found | {"line": None}
    x = size[there] if by == "year" else np.log10(size[there])
    ends = np.array([x.min(), x.max()])
    fit = line.intercept + line.slope * (ends - x.mean())
    told_line = {k: number(getattr(line, k)) for k in ("slope", "se", "low", "high")}
    words = {k: rounded(getattr(line, k), line.se) for k in ("slope", "low", "high")}
    return found | {
        "line": {
            **told_line,
            "x": (ends if by == "year" else 10**ends).tolist(),
            "y": fit.tolist(),
            "words": words,
        }
    }


def _groups(metrics: Sequence[str], scores: "xr.Dataset") -> list[dict[str, Any]]:
    """Tests of all groupings by all metrics, corrected over them."""
    told, found = cards(scores), []
    for by in GROUPS:
        for metric in metrics:
            models, values = square(scores, metric)
            labels = ["" if is_control(told.get(m, {})) else str(told.get(m, {}).get(by, "")) for m in models]
            one = grouping(labels, values, sign(scores, metric) > 0)
            if one is not None:
                found.append(
                    {
                        "by": by, "metric": metric_words(metric), "within": one.within, "between": one.between,
                        "p": one.p, "sizes": ", ".join(f"{k} {n}" for k, n in one.sizes.items()),
                    }
                )  # fmt: skip
    q = benjamini_hochberg(np.array([x["p"] for x in found], float))
    return [{**x, "q": float(value)} for x, value in zip(found, q)]


def model_pages(
    entries: Sequence[Entry], past: dict[str, Any], found: dict[str, Any]
) -> list[dict[str, Any]]:
    """A page of every model that some run has: its card, its neighbours in the last such run, and its past."""
    every = tables(entries)
    names = list(
        dict.fromkeys(str(m) for s in reversed(every) for side in "ab" for m in s[f"model_{side}"].values)
    )
    return [_page(name, every, past) for name in names]


def _page(name: str, every: "Sequence[xr.Dataset]", past: dict[str, Any]) -> dict[str, Any]:
    there = [k for k, s in enumerate(every) if name in s["model_a"].values or name in s["model_b"].values]
    last = every[there[-1]]
    news = [
        {"created": past["runs"][k]["created"], "what": words}
        for k in range(len(every))
        for words in past["runs"][k]["changes"]
        if words.startswith((f"{name}: ", f"{name}/"))
    ]
    return {
        "name": name, "file": f"models/{folder_name(name)}.html", "card": cards(last).get(name, {}),
        "present": there[-1] == len(every) - 1, "first": past["runs"][there[0]]["created"],
        "neighbours": [_neighbours(name, last, str(m)) for m in last["metric"].values],
        "over_time": [_over_time(name, every, past, str(m)) for m in last["metric"].values], "news": news,
    }  # fmt: skip


def _neighbours(name: str, scores: "xr.Dataset", metric: str) -> dict[str, Any]:
    rows = [
        {
            "model": b, "layer": best.layer_a, "other": best.layer_b, "score": rounded(best.score, best.se),
            "low": rounded(best.low, best.se), "high": rounded(best.high, best.se), "value": best.score,
        }
        for (a, b), best in best_pairs(scores, metric).items()
        if a == name
    ]  # fmt: skip
    rows.sort(key=lambda x: -sign(scores, metric) * float(x["value"]))  # type: ignore[arg-type]
    return {"metric": metric, "words": metric_words(metric), "rows": rows}


def _over_time(name: str, every: "Sequence[xr.Dataset]", past: dict[str, Any], metric: str) -> dict[str, Any]:
    """The mean of the model's best held-out scores with the others, run by run."""
    at, score = [], []
    for k, scores in enumerate(every):
        if metric in scores["metric"].values:
            values = [best.score for (a, _), best in best_pairs(scores, metric).items() if a == name]
            if values:
                at.append(past["runs"][k]["created"])
                score.append(number(float(np.mean(values))))
    return {"metric": metric_words(metric), "at": at, "score": score}
