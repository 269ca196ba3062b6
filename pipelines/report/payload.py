"""Everything the page's figures are drawn from, as one JSON value."""

from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.errors import BadInput
from consilience.engine.inference.interval import quantile
from consilience.pipelines.report import theme
from consilience.pipelines.report.best import Best, best_pairs, names
from consilience.pipelines.report.labels import place
from consilience.pipelines.report.maps import plane, tree
from consilience.pipelines.report.numbers import number
from consilience.pipelines.report.pack import COLUMNS, columns, pack
from consilience.pipelines.report.provenance import attr, compared, reasons, why
from consilience.pipelines.report.traits import traits


def payload(scores: xr.Dataset, profile: xr.Dataset | None = None) -> dict[str, Any]:
    """The data block of the report; layers and models are named once, and by position from there on."""
    return {
        "font": theme.SANS,
        "scale": theme.SEQUENTIAL,
        "columns": COLUMNS,
        "models": {side: names(scores, side) for side in "ab"},
        "modality": {m: card.get("modality", "") for m, card in attr(scores, "cards", {}).items()},
        "a": _layers(scores, "a"),
        "b": _layers(scores, "b"),
        "reasons": reasons(scores),
        "metrics": [_metric(scores, str(m)) for m in scores["metric"].values],
        "traits": traits(profile, attr(scores, "cards", {})),
        "run": attr(scores, "run", {}),
        "answer": attr(scores, "answer", {}).get("charts", []),
    }


def _layers(scores: xr.Dataset, side: str) -> dict[str, list[Any]]:
    """Per layer: the position of its model in `names`, and its own name."""
    models = names(scores, side)
    return {
        "model": [models.index(str(m)) for m in scores[f"model_{side}"].values],
        "layer": [str(layer) for layer in scores[f"layer_{side}"].values],
    }


def _metric(scores: xr.Dataset, metric: str) -> dict[str, Any]:
    one = scores.sel(metric=metric)
    rows, cols = compared(scores, metric)
    clusters = tree(scores, metric)
    return {
        "id": metric,
        "direction": str(one["direction"].item()),
        "t": number(quantile(one["groups"].item())),
        "t_holdout": number(quantile(one["groups_holdout"].item())),
        "a": rows.tolist(),
        "b": cols.tolist(),
        "best": [_best(best) for best in best_pairs(scores, metric).values()],
        "profile": _profile(one),
        "order": clusters.order,
        "merges": clusters.merges,
        "map": _map(scores, metric),
    } | pack(columns(scores, metric, why(scores, metric)))  # fmt: skip


def _best(best: Best) -> dict[str, Any]:
    numbers = {name: number(getattr(best, name)) for name in ("score", "se", "z")}
    return {"a": best.a, "b": best.b, "log10_p": _log(best.p)} | numbers


def _profile(one: xr.Dataset) -> dict[str, Any]:
    """The two halves of the samples, packed as the cells are, for the profile over layers."""
    return pack({name: one[name].values for name in ("score_select", "score_holdout", "se_holdout")})


def _map(scores: xr.Dataset, metric: str) -> dict[str, Any] | None:
    try:
        found = plane(scores, metric)
    except BadInput:
        return None
    return {
        "models": found.models, "x": found.xy[:, 0].round(5).tolist(), "y": found.xy[:, 1].round(5).tolist(),
        "held": round(found.held, 3), "nearest": found.nearest, "place": place(found.xy, found.models),
    }  # fmt: skip


def _log(p: float) -> float | None:
    """log10 of p; an underflow to zero is written as 1e-999, which reads as "below anything"."""
    return None if np.isnan(p) else number(np.log10(p)) if p > 0 else -999.0
