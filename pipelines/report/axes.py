"""Axes of a heat map over layers: which layers stand on them, and what is written beside them."""

from html import escape
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.errors import BadInput, unknown
from consilience.pipelines.report.best import names
from consilience.pipelines.report.provenance import compared

MOST_TICKS = 24


def positions(scores: xr.Dataset, metric: str, side: str, model: str | None) -> np.ndarray:
    """The layers along dim `side` that `metric` was asked for, of one model or (None) of all; BadInput if none."""
    there = compared(scores, metric)["ab".index(side)]
    if model is not None:
        if model not in names(scores, side):
            raise unknown(f"model on side {side!r} of the score table", model, names(scores, side))
        there = there[scores[f"model_{side}"].values[there] == model]
    if not len(there):
        of = f" of {model!r}" if model else ""
        raise BadInput(
            f"layers{of} that {metric!r} was computed for", "none", "choose another metric or model"
        )
    return there


def ticks(scores: xr.Dataset, side: str, at: np.ndarray, model: str | None) -> dict[str, Any]:
    """Plotly ticks: the layers of one model, or the models in the middle of their blocks of layers."""
    if model is not None:
        shown = range(0, len(at), max(1, -(-len(at) // MOST_TICKS)))
        layers = scores[f"layer_{side}"].values[at]
        return {"tickvals": list(shown), "ticktext": [escape(str(layers[i])) for i in shown]}
    models = scores[f"model_{side}"].values[at]
    spans = [(m, np.flatnonzero(models == m)) for m in dict.fromkeys(models)]
    return {"tickvals": [float(s.mean()) for _, s in spans], "ticktext": [escape(str(m)) for m, _ in spans]}


def seams(scores: xr.Dataset, side: str, at: np.ndarray) -> list[float]:
    """Positions between two models."""
    models = scores[f"model_{side}"].values[at]
    return [float(i + 0.5) for i in np.flatnonzero(models[1:] != models[:-1])]
