"""Where the units lie, and what is shown of them: the scores of the best model, reliability, scores of regions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.pipelines.brain.words_encoded import spaces_of
from consilience.pipelines.report.numbers import fixed
from consilience.pipelines.report.provenance import attr

if TYPE_CHECKING:
    import xarray as xr

MEAN = "mean of subjects"


@dataclass(frozen=True)
class Field:
    """A value (m,) at every place (m, 3) in mm; `labels` are what a pointer is told, "" for nothing."""

    where: np.ndarray
    values: np.ndarray
    labels: list[str]


@dataclass(frozen=True)
class Shown:
    """What one figure shows, of whom: `what` the values are; fields by subject, and first of the mean over subjects
    where their units are at the same places."""

    title: str
    what: str
    fields: dict[str, Field]

    @property
    def common(self) -> bool:
        """Whether all subjects lie in one space, as far as their coordinates tell."""
        return MEAN in self.fields


def shown(results: "Mapping[str, xr.Dataset]") -> list[Shown]:
    """One figure a table; none where the data set says of no region where it lies."""
    found = [_shown(name, table, results) for name, table in results.items()]
    return [of for of in found if of is not None and of.fields]


def _shown(name: str, table: "xr.Dataset", results: "Mapping[str, xr.Dataset]") -> Shown | None:
    if name == "alignment":
        places = attr(table, "recordings", {}).get("coordinates", {})
        what = "the mean score over subjects of the best model in each region, at the coordinates of the first subject"
        return Shown("Regions, by alignment", what, {"regions": of_regions(table, places)} if places else {})
    if name == "units":
        space = best_space(results["encoding"])
        what = f"r of {space} on held-out rows, the best model on average over regions and subjects"
        return Shown(
            f"Encoding by {space}", what, of_units(table, lambda own: own["r"].sel(space=space).values)
        )
    if name == "reliability":
        what = "split-half reliability over repeats, 0 where it is below"
        return Shown("Reliability", what, of_units(table, lambda own: own["unit"].values.clip(min=0)))
    return None


def best_space(encoding: "xr.Dataset") -> str:
    """The model with the highest r on average over regions."""
    means = encoding["r_mean"].sel(space=spaces_of(encoding, "features")).mean("region")
    return str(means["space"].values[int(means.fillna(-np.inf).values.argmax())])


def of_regions(table: "xr.Dataset", places: Mapping[str, Any]) -> Field:
    """The units of every region, with the score of the best model in it by the first metric."""
    means, distance = table["mean"].isel(metric=0), str(table["direction"].values[0]) == "distance"
    best = means.min("model") if distance else means.max("model")
    where, values, labels = [], [], []
    for region, units in places.items():
        value = float(best.sel(region=region)) if region in best["region"].values else np.nan
        where += list(units)
        values += [value] * len(units)
        # One label a region: those of every unit would hide each other.
        labels += [f"{region}: {fixed(value, 3)}", *[""] * (len(units) - 1)]
    return Field(np.array(where), np.array(values), labels)


def of_units(table: "xr.Dataset", value: "Callable[[xr.Dataset], np.ndarray]") -> dict[str, Field]:
    """The units whose place and value are known, of every subject, and their mean."""
    own, fields = table["unit_subject"].values.astype(str), {}
    for subject in dict.fromkeys(own.tolist()):
        its = table.isel(unit_of=np.flatnonzero(own == subject))
        where, values = its["unit_place"].values, value(its)
        known = np.isfinite(where).all(axis=1) & np.isfinite(values)
        if known.any():
            # A unit of two regions is shown once.
            places, at = np.unique(where[known], axis=0, return_index=True)
            fields[subject] = Field(places, values[known][at], [""] * len(places))
    return {**mean_of(fields), **fields}


def mean_of(fields: Mapping[str, Field]) -> dict[str, Field]:
    """The mean at every place that all subjects share, if most of the places of each are shared."""
    if len(fields) < 2:
        return {}
    held: dict[tuple[float, ...], list[float]] = {}
    for of in fields.values():
        for place, v in zip(map(tuple, of.where.round(2)), of.values):
            held.setdefault(place, []).append(float(v))
    shared = {place: values for place, values in held.items() if len(values) == len(fields)}
    if 2 * len(shared) < max(len(of.where) for of in fields.values()):
        return {}
    where = np.array(list(shared))
    return {MEAN: Field(where, np.array([np.mean(v) for v in shared.values()]), [""] * len(where))}
