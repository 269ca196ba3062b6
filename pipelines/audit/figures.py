"""What the figures of an audit's page are drawn from, as one JSON value."""

from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.audit import Audit
from consilience.engine.audit.agreement import brief, ways
from consilience.pipelines.report import theme

MOST_POINTS = 120  # of a curve over units


def figures(audit: Audit) -> dict[str, Any]:
    """The data block of the page."""
    return {
        "font": theme.SANS,
        "scale": theme.SEQUENTIAL,
        "names": dict(audit.names),
        "agreement": agreement(audit.agreement),
        "dominance": {side: cumulated(found) for side, found in audit.dominance.items()},
        "outliers": [outliers(audit.outliers.sel(metric=m)) for m in audit.outliers["metric"].values],
        "size": [size(audit.size.sel(metric=m)) for m in audit.size["metric"].values],
    }


def agreement(found: xr.Dataset) -> list[dict[str, Any]]:
    """One entry for every metric and way there is, from the nearest to identity down; those off the scale last."""
    rows = []
    for metric in found["metric"].values:
        one = found.sel(metric=metric)
        there = ways(one)
        for way in there:
            numbers = {k: _number(one[k].sel(way=way)) for k in ("adjusted", "adjusted_low", "adjusted_high")}
            name = f"{brief(metric)} {way}" if len(there) > 1 else brief(metric)
            rows.append({"name": name, "family": str(one["family"].item()), **numbers})
    return sorted(rows, key=lambda row: -np.inf if row["adjusted"] is None else row["adjusted"], reverse=True)


def cumulated(found: xr.Dataset) -> dict[str, Any]:
    """Share of the variance in the k leading units, and in the k leading components, at some k."""
    curves = {}
    for name, shares in (("units", found["share"].values), ("components", found["component_share"].values)):
        k = np.arange(1, len(shares) + 1)
        if len(k) > MOST_POINTS:
            k = np.unique(np.geomspace(1, len(shares), MOST_POINTS).round().astype(int))
        curves[name] = {"k": k.tolist(), "share": _numbers(np.cumsum(np.sort(shares)[::-1])[k - 1])}
    return curves


def outliers(found: xr.Dataset) -> dict[str, Any]:
    """Scores against the numbers of units removed from X alone, from Y alone, and from both."""
    top_x, top_y = (found[f"top_{side}"].values.tolist() for side in "xy")
    at = {
        "x": [(k, 0) for k in top_x],
        "y": [(0, k) for k in top_y],
        "both": [(k, k) for k in top_x if k in top_y],
    }
    lines = {}
    for removed, places in at.items():
        picked = [found.sel(top_x=i, top_y=j) for i, j in places]
        lines[removed] = {
            "k": [max(place) for place in places],
            **{name: _numbers([p[name] for p in picked]) for name in ("score", "low", "high", "null_mean")},
        }
    return {"metric": brief(str(found["metric"].item())), "top": sorted({*top_x, *top_y}), **lines}


def size(found: xr.Dataset) -> dict[str, Any]:
    """Mean, spread and null mean against the number of samples."""
    numbers = {name: _numbers(found[name].values) for name in ("mean", "sd", "null_mean")}
    return {"metric": brief(str(found["metric"].item())), "size": found["size"].values.tolist(), **numbers}


def _numbers(values: Any) -> list[float | None]:
    return [_number(v) for v in values]


def _number(value: Any) -> float | None:
    """A JSON number, None for NaN."""
    return float(f"{float(value):.6g}") if np.isfinite(value) else None
