"""What an encoding says of every unit of one subject, and the means over the units of each region."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from consilience.engine.features import FeatureTable

SCORES = ("r", "r2", "unique_r2", "p")
OF_UNITS = ("r", "r2", "unique_r2", "normalised")


def regions_of(found: "xr.Dataset", names: list[str] | None = None) -> "xr.Dataset":
    """Means over the units of each region: (space, region), of one subject; `names` of the spaces, where they are
    others than those of the table.

    ``normalised_subject`` is the mean r over the mean `ceiling` of the units that have a ceiling: of a few units with
    hardly any, a mean of ratios would be of those alone.
    """
    import xarray as xr

    region = found["region"].values.astype(str)
    order = list(dict.fromkeys(region))
    spaces = names or [str(x) for x in found["space"].values]
    shape = (len(spaces), len(order))
    variables: dict[str, Any] = {}
    for name in SCORES:
        values = found[name].values if name in found else np.full((len(spaces), len(region)), np.nan)
        cells = [[_over_units(name, values[s, region == g]) for g in order] for s in range(len(spaces))]
        variables[name] = (("space", "region"), np.array(cells).reshape(shape))
    for name in {"nuisance_r2", "ceiling"} & set(found):
        values = found[name].values
        variables[name] = ("region", [_over_units(name, values[region == g]) for g in order])
    r = np.where(np.isfinite(found["ceiling"].values), found["r"].values, np.nan)
    reached = [[_over_units("r", r[s, region == g]) for g in order] for s in range(len(spaces))]
    ceiling = np.array(variables["ceiling"][1])
    variables["normalised_subject"] = (("space", "region"), np.array(reached).reshape(shape) / ceiling)
    for name in {"layer_r", "null"} & set(found):
        variables[name] = _by_region(found, name, region, order)
    layers = np.full(shape, "", object)
    if "layer" in found:
        chosen = found["layer"].values
        for s, g in np.ndindex(shape):
            layers[s, g] = Counter(chosen[s, :, g].tolist()).most_common(1)[0][0]
    variables["layer"] = (("space", "region"), layers)
    coords: dict[str, Any] = {"space": spaces, "region": order}
    if "layer_r" in found:
        coords |= {"representation": found["representation"].values, "model_of": found["model_of"]}
    return xr.Dataset(variables, coords)


def _by_region(found: "xr.Dataset", name: str, region: np.ndarray, order: list[str]) -> Any:
    """``layer_r`` (representation, region), means over units; ``null`` (space, region, draw), as it is."""
    if name == "null":
        return ("space", "region", "draw"), found["null"].values
    values = found["layer_r"].values
    cells = [[_over_units("r", of[region == g]) for g in order] for of in values]
    return ("representation", "region"), np.array(cells)


def units_of(found: "xr.Dataset", table: "FeatureTable", names: list[str] | None = None) -> "xr.Dataset":
    """Every unit of one subject: (space, unit_of) of float32, which holds more digits than any error supports."""
    import xarray as xr

    spaces = names or [str(x) for x in found["space"].values]
    shape = (len(spaces), found.sizes["target"])
    region = found["region"].values.astype(str)
    values = {name: found[name].values if name in found else np.full(shape, np.nan) for name in OF_UNITS}
    return xr.Dataset(
        {name: (("space", "unit_of"), of.astype(np.float32)) for name, of in values.items()}
        | {"unit_place": (("unit_of", "axis"), places_of(table, region))},
        {
            "space": spaces,
            "unit_region": ("unit_of", region),
            "unit_number": ("unit_of", found["unit"].values),
        },
    )


def places_of(table: "FeatureTable", regions: np.ndarray) -> np.ndarray:
    """(units, 3) in mm, NaN where it is not known, of units whose `regions` (units,) come one after the other."""
    known = table.meta.get("coordinates", {})
    places = np.full((len(regions), 3), np.nan)
    for region in dict.fromkeys(regions):
        if region in known:
            places[regions == region] = known[region]
    return places


def _over_units(name: str, values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan")
    return float(min(1.0, known.min() * len(known))) if name == "p" else float(known.mean())
