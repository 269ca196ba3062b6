"""Encodings of all subjects in one table, with subjects as a random effect."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.pipelines.brain.bounds import enter_bounds
from consilience.pipelines.brain.prepare import Prepared
from consilience.pipelines.brain.units import OF_UNITS

if TYPE_CHECKING:
    import xarray as xr

OVER_SUBJECTS = ("r", "r2", "unique_r2")


def together(prepared: Prepared, parts: "Mapping[str, xr.Dataset]") -> "xr.Dataset":
    """See the text of `pipelines.brain.encoding` for dims and variables."""
    import xarray as xr

    regions = list(prepared.regions)
    first = next(iter(parts.values()))
    spaces = [str(x) for x in first["space"].values]
    whole = [part.drop_dims("unit_of") for part in parts.values()]
    own = [part.reindex(space=spaces, region=regions, fill_value={"layer": ""}) for part in whole]
    table = xr.concat(own, xr.DataArray(list(parts), dims="subject", name="subject"), combine_attrs="drop")
    table = table.transpose("space", "representation", "region", "subject", ..., missing_dims="ignore")
    seats = {seat.name for seat in prepared.seats}
    table["kind"] = ("space", ["features" if s.split("/")[0] in seats else "nuisance" for s in spaces])
    summarise(table, OVER_SUBJECTS, ("space", "region"), prepared, families=table["kind"].values)
    enter_null(table)
    enter_differences(table)
    enter_bounds(table, prepared)
    enter_depths(table, prepared)
    keep = {
        k: first.attrs[k] for k in ("version", "created", "seed", "encoding", "absent") if k in first.attrs
    }
    constant = {
        k: v for part in parts.values() for k, v in json.loads(part.attrs.get("constant", "{}")).items()
    }
    table.attrs = {**keep, "join": json.dumps(joined(parts)), "constant": json.dumps(constant)}
    return table


def joined(parts: "Mapping[str, xr.Dataset]") -> dict[str, Any]:
    """What the joins of all subjects left out: the fewest ``rows`` of any, how many of each table were ``dropped`` at
    most, and the rows of each subject as ``subjects``."""
    own = {subject: json.loads(part.attrs["join"]) for subject, part in parts.items()}
    dropped: dict[str, int] = {}
    for join in own.values():
        for name, count in join["dropped"].items():
            dropped[name] = max(count, dropped.get(name, 0))
    rows = {subject: join["rows"] for subject, join in own.items()}
    return {"rows": min(rows.values()), "dropped": dropped, "subjects": rows}


def units_together(parts: "Mapping[str, xr.Dataset]") -> "xr.Dataset":
    """The units of all subjects one after the other; see the text of `pipelines.brain.encoding`."""
    import xarray as xr

    own = [
        part.drop_dims(["region", "representation", "draw"], errors="ignore")
        .rename({f"unit_{name}": name for name in OF_UNITS})
        .assign_coords(unit_subject=("unit_of", [subject] * part.sizes["unit_of"]))
        for subject, part in parts.items()
    ]
    table = xr.concat([x.reset_coords() for x in own], "unit_of", combine_attrs="drop", join="outer")
    table = table.set_coords(["unit_subject", "unit_region", "unit_number"])
    for name in OF_UNITS:
        table[name].encoding = {"zlib": True, "complevel": 4}
    return table


def enter_null(table: "xr.Dataset") -> None:
    """Make ``null`` that of the mean over subjects, and enter its ``null_p`` and ``null_q``, corrected as p over
    subjects are: they speak of these subjects.

    A draw shifts all subjects who have the same rows by the same amounts. What they have in common, having heard the
    same, stays in common: shifted apart it would average out, and p be too small.
    """
    from consilience.engine.alignment.over_subjects import spread
    from consilience.engine.inference.null import from_permutations

    if "null" not in table:
        return
    draws = spread(table["null"].transpose("draw", "space", "region", "subject").values).mean
    observed = table[f"{tested(table)}_mean"].transpose("space", "region").values
    table["null"] = (("space", "region", "draw"), np.moveaxis(draws, 0, -1))
    p = from_permutations(draws, observed, "similarity")[1]
    table["null_p"] = (("space", "region"), p)
    table["null_q"] = (("space", "region"), _within(table["kind"].values, p))


def tested(table: "xr.Dataset") -> str:
    """What tests of an encoding are of: ``unique_r2``, or ``r`` where there is no nuisance."""
    return "unique_r2" if bool(table["unique_r2"].notnull().any()) else "r"


def enter_differences(table: "xr.Dataset") -> None:
    """Enter ``difference`` (region, model, model_b), of two spaces of features paired over subjects, with its t
    interval ``_low`` to ``_high``, two-sided ``_p``, and ``_q``, by Holm over the pairs in a region: of what is
    `tested`."""
    from consilience.engine.alignment.over_subjects import differences, holm, spread

    models = table.isel(space=(table["kind"] == "features").values)
    over = spread(differences(models[tested(table)].transpose("region", "space", "subject").values))
    p = np.where(np.eye(models.sizes["space"], dtype=bool), np.nan, over.p_apart())
    low, high = over.interval()
    told = {"": over.mean, "_low": low, "_high": high, "_p": p, "_q": np.array([holm(x) for x in p])}
    names = [str(x) for x in models["space"].values]
    table.coords["model"], table.coords["model_b"] = names, names
    for end, values in told.items():
        table[f"difference{end}"] = (("region", "model", "model_b"), values)


def enter_depths(table: "xr.Dataset", prepared: Prepared) -> None:
    """Enter ``best_depth`` (space, region), the mean over subjects of where the layers lie that were chosen, from 0 at
    the first layer of a model that the study asks for to 1 at the last; and with a hierarchy ``order_tau``,
    ``order_p`` (space), whether later regions take deeper layers; see `order_test`. p is over subjects, with these
    stimuli, on which subjects who are alike agree by chance too."""
    from consilience.engine.alignment.hierarchy import order_test
    from consilience.engine.alignment.over_subjects import spread

    at = {
        (seat.name, layer): k / (len(seat.layers) - 1)
        for seat in prepared.seats
        if len(seat.layers) > 1
        for k, layer in enumerate(seat.layers)
    }
    chosen = table["layer"].transpose("space", "region", "subject").values
    depths = np.full(chosen.shape, np.nan)
    for s, space in enumerate(table["space"].values.astype(str)):
        for place in np.ndindex(chosen.shape[1:]):
            depths[(s, *place)] = at.get((space, str(chosen[(s, *place)])), np.nan)
    table["best_depth"] = (("space", "region"), spread(depths).mean)
    order = prepared.study.hierarchy
    if order is not None:
        regions = [list(prepared.regions).index(region) for region in order]
        tau, p = order_test(depths[:, regions], prepared.study.permutations, prepared.study.seed)
        table["order_tau"], table["order_p"] = (
            ("space", tau),
            ("space", np.where(np.isfinite(tau), p, np.nan)),
        )


def summarise(
    table: "xr.Dataset",
    names: Sequence[str],
    over: tuple[str, ...],
    prepared: Prepared,
    *,
    families: np.ndarray | None = None,
) -> None:
    """Enter the mean over subjects of each variable (…, subject), its 95 % interval ``_low`` to ``_high`` and, with
    `families`, its one-sided ``_p``, of a mean of 0 or below by t, and ``_q``, p corrected (Benjamini-Hochberg) over
    all that are of one of the `families`, which are given for the first of the dimensions `over`: models are one, and
    what they are held against is another.

    Subjects are a random effect. The interval is that of a bootstrap over subjects (`studentised`), for scores are
    skewed more often than not; of fewer than six subjects, of whom a bootstrap says little, it is that of t. p is of t,
    which has more digits than a bootstrap has draws.
    """
    from consilience.engine.alignment.over_subjects import spread
    from consilience.engine.inference.bootstrap import studentised

    for name in names:
        values = table[name].transpose(*over, "subject").values
        found, drawn = spread(values), studentised(values, prepared.study.bootstraps, prepared.study.seed)
        low, high = (np.where(np.isfinite(b), b, t) for b, t in zip(drawn, found.interval()))
        told = {"mean": found.mean, "low": low, "high": high}
        if families is not None:
            told["p"] = found.p_above()
            told["q"] = _within(families, told["p"])
        for what, of in told.items():
            table[f"{name}_{what}"] = (over, of)


def _within(families: np.ndarray, p: np.ndarray) -> np.ndarray:
    """p corrected (Benjamini-Hochberg) over all that are of one of the `families`, given for the first dimension."""
    from consilience.engine.inference.null import benjamini_hochberg

    q = np.full(p.shape, np.nan)
    for family in set(families):
        q[families == family] = benjamini_hochberg(p[families == family])
    return q
