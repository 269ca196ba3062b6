"""Where the regions lie, in nilearn's interactive view of the brain: every unit a marker in the colour of its score."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.pipelines.report.numbers import fixed
from consilience.pipelines.report.provenance import attr
from consilience.pipelines.report.theme import SEQUENTIAL

if TYPE_CHECKING:
    import xarray as xr

MOST = 400  # markers of a region


def views(results: "Mapping[str, xr.Dataset]") -> list[dict[str, str]]:
    """One view a table, as a page by itself; none where the data set says of no region where it lies."""
    places = attr(next(iter(results.values())), "recordings", {}).get("coordinates", {})
    if not places:
        return []
    return [_view(name, best(table), places) for name, table in results.items()]


def best(table: "xr.Dataset") -> dict[str, float]:
    """Region -> the best mean over subjects of any model (of the first metric), or of any space of features."""
    if "metric" in table.dims:
        means, distance = table["mean"].isel(metric=0), str(table["direction"].values[0]) == "distance"
    else:
        means, distance = table["r_mean"].sel(space=table["kind"].values == "features"), False
    over = [dim for dim in means.dims if dim != "region"]
    found = means.min(over) if distance else means.max(over)
    return {str(r): float(v) for r, v in zip(found["region"].values, found.values)}


def _view(name: str, scores: dict[str, float], places: Mapping[str, Any]) -> dict[str, str]:
    from nilearn.plotting import view_markers

    known = [v for v in scores.values() if np.isfinite(v)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    where, colours, labels = [], [], []
    for region, units in places.items():
        value = scores.get(region, np.nan)
        share = (value - low) / (high - low) if high > low else 1.0
        colour = SEQUENTIAL[2 + round(share * (len(SEQUENTIAL) - 3))] if np.isfinite(value) else "#808080"
        kept = units[:: -(-len(units) // MOST)]
        where += kept
        colours += [colour] * len(kept)
        # One label a region: those of every unit would hide each other.
        labels += [f"{region}: {fixed(value, 3)}", *[""] * (len(kept) - 1)]
    page = view_markers(np.array(where), marker_color=colours, marker_size=4, marker_labels=labels).html
    return {
        "title": f"The regions, by {name}",
        "html": page,
        "caption": "Units at the coordinates of the first subject that has them, in mm; the darker, the better the "
        "best model. The cortex is a standard brain's, and only a guide where the coordinates are a subject's own.",
    }
