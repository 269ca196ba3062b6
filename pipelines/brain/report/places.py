"""Where the units lie, in nilearn's interactive view of the brain: markers in the colour of a region's score, or of
their own reliability."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.pipelines.report.numbers import fixed
from consilience.pipelines.report.provenance import attr
from consilience.pipelines.report.theme import SEQUENTIAL

if TYPE_CHECKING:
    import xarray as xr

MOST = 400  # markers of a region; of units by themselves so many that a slice is whole
MOST_UNITS = 2000
UNKNOWN = "#808080"


@dataclass(frozen=True)
class Markers:
    """Places (m, 3) in mm, a value each, and what a pointer is told; `what` the values are."""

    where: np.ndarray
    values: np.ndarray
    labels: list[str]
    what: str


def views(results: "Mapping[str, xr.Dataset]") -> list[dict[str, str]]:
    """One view a table, as a page by itself; none where the data set says of no region where it lies."""
    places = attr(next(iter(results.values())), "recordings", {}).get("coordinates", {})
    if not places:
        return []
    return [
        _view(name, of_units(table) if name == "reliability" else of_regions(table, places))
        for name, table in results.items()
    ]


def best(table: "xr.Dataset") -> dict[str, float]:
    """Region -> the best mean over subjects of any model (of the first metric), or of any space of features."""
    if "metric" in table.dims:
        means, distance = table["mean"].isel(metric=0), str(table["direction"].values[0]) == "distance"
    else:
        means, distance = table["r_mean"].sel(space=table["kind"].values == "features"), False
    over = [dim for dim in means.dims if dim != "region"]
    found = means.min(over) if distance else means.max(over)
    return {str(r): float(v) for r, v in zip(found["region"].values, found.values)}


def of_regions(table: "xr.Dataset", places: Mapping[str, Any]) -> Markers:
    """The units of every region, with the score of the best model in it."""
    scores, where, values, labels = best(table), [], [], []
    for region, units in places.items():
        value = scores.get(region, np.nan)
        kept = units[:: -(-len(units) // MOST)]
        where += kept
        values += [value] * len(kept)
        # One label a region: those of every unit would hide each other.
        labels += [f"{region}: {fixed(value, 3)}", *[""] * (len(kept) - 1)]
    return Markers(np.array(where), np.array(values), labels, "the darker, the better the best model")


def of_units(table: "xr.Dataset") -> Markers:
    """The units of the first subject whose places are known, with their split-half reliability."""
    known = np.isfinite(table["unit_place"].values).all(axis=1)
    names = table["unit_subject"].values
    at = np.flatnonzero(known & (names == names[known][0]))
    at = at[:: -(-len(at) // MOST_UNITS)]
    values = table["unit"].values[at].clip(min=0)
    return Markers(
        table["unit_place"].values[at], values, [""] * len(at),
        f"the darker, the more reliable over repeats (split halves, 0 or less to {fixed(np.nanmax(values), 2)})",
    )  # fmt: skip


def _view(name: str, of: Markers) -> dict[str, str]:
    from nilearn.plotting import view_markers

    known = of.values[np.isfinite(of.values)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
    shares = (of.values - low) / (high - low) if high > low else np.where(np.isfinite(of.values), 1.0, np.nan)
    colours = [
        SEQUENTIAL[2 + round(share * (len(SEQUENTIAL) - 3))] if np.isfinite(share) else UNKNOWN
        for share in shares
    ]
    page = view_markers(of.where, marker_color=colours, marker_size=4, marker_labels=of.labels).html
    return {
        "title": f"The regions, by {name}",
        "html": page,
        "caption": f"Units at the coordinates of the first subject that has them, in mm; {of.what}. The cortex is a "
        "standard brain's, and only a guide where the coordinates are a subject's own.",
    }
