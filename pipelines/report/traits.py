"""The layer profile: metrics of one representation, as a line a model over the depth of its layers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.inference.interval import quantile
from consilience.pipelines.report.best import names
from consilience.pipelines.report.numbers import number
from consilience.pipelines.report.provenance import attr


def traits(profile: xr.Dataset | None, cards: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the charts of a profile are drawn from, one value a metric; none without a profile. `cards` say what kind of
    model each is."""
    if profile is None:
        return []
    depth = depths(profile["model_a"].values.astype(str))
    return [_trait(profile, str(metric), depth, cards) for metric in profile["metric"].values]


def told(profile: xr.Dataset | None) -> list[dict[str, Any]]:
    """What the page says in words of each metric of a profile."""
    if profile is None:
        return []
    about = attr(profile, "metrics", {})
    found = []
    for metric in (str(m) for m in profile["metric"].values):
        one, words = profile.sel(metric=metric), about.get(metric, {})
        there = np.isfinite(one["score"].values)
        n = one["n"].values[there]
        found.append(
            {
                "id": metric,
                "title": words.get("title", metric).rstrip("."),
                **{k: words.get(k, "") for k in ("formula", "source", "range")},
                "error": str(one["error"].item()),
                "groups": int(one["groups"].item()),
                "layers": int(there.sum()),
                "samples": (int(n.min()), int(n.max())) if len(n) else None,
                "reasons": _said(profile, "reasons", metric),
                "notes": _said(profile, "notes", metric),
            }
        )
    return found


def depths(models: np.ndarray) -> np.ndarray:
    """Of each layer, given its model (L,), its place among those of that model: 0 for the first and 1 for the last."""
    depth = np.zeros(len(models))
    for model in dict.fromkeys(models):
        at = np.flatnonzero(models == model)
        depth[at] = np.linspace(0, 1, len(at)) if len(at) > 1 else 0.5
    return depth


def _trait(
    profile: xr.Dataset, metric: str, depth: np.ndarray, cards: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    one = profile.sel(metric=metric)
    models, layers = (one[k].values.astype(str) for k in ("model_a", "layer_a"))
    score, se = one["score"].values, one["se"].values
    notes = attr(profile, "notes", {})
    lines = []
    for model in names(profile, "a"):
        at = np.flatnonzero((models == model) & np.isfinite(score))
        if len(at):
            labels = one["a"].values[at].astype(str)
            lines.append(
                {
                    "model": model,
                    "kind": _kind(cards.get(model, {})),
                    "layer": layers[at].tolist(),
                    "depth": [number(d) for d in depth[at]],
                    "score": [number(v) for v in score[at]],
                    "se": [number(v) for v in se[at]],
                    "note": [notes.get(f"{metric}|{label}", "") for label in labels],
                }
            )
    return {"id": metric, "t": number(quantile(one["groups"].item())), "lines": lines}


def _kind(card: Mapping[str, Any]) -> str:
    """Architecture and year, as far as they are known."""
    return ", ".join(str(card[key]) for key in ("architecture", "year") if card.get(key))


def _said(profile: xr.Dataset, name: str, metric: str) -> dict[str, str]:
    """What the attribute says of the layers, by layer."""
    start = metric + "|"
    said = attr(profile, name, {})
    return {key.removeprefix(start): text for key, text in said.items() if key.startswith(start)}
