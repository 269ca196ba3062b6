"""Encodings of all subjects in one table, with subjects as a random effect; and the ceilings of time courses."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.pipelines.brain.prepare import Prepared
from consilience.pipelines.brain.rows import groups_of, recorded, smooth

if TYPE_CHECKING:
    import xarray as xr

    from consilience.engine.features import FeatureTable

OVER_SUBJECTS = ("r", "r2", "unique_r2")


def together(prepared: Prepared, parts: "Mapping[str, xr.Dataset]") -> "xr.Dataset":
    """See the text of `pipelines.brain.encoding` for dims and variables."""
    import xarray as xr

    from consilience.engine.alignment.over_subjects import spread

    regions = list(prepared.regions)
    first = next(iter(parts.values()))
    spaces = [str(x) for x in first["space"].values]
    own = [part.reindex(space=spaces, region=regions, fill_value={"layer": ""}) for part in parts.values()]
    table = xr.concat(own, xr.DataArray(list(parts), dims="subject", name="subject"), combine_attrs="drop")
    table = table.transpose("space", "region", "subject", missing_dims="ignore")
    over = ("space", "region")
    summarise(table, OVER_SUBJECTS, over, prepared)
    lower, upper = ceilings(prepared)
    table["lower"], table["upper"] = (("region", "subject"), lower), (("region", "subject"), upper)
    among, alone = (spread(x).mean for x in (lower, table["ceiling"].values))
    reach = np.where(np.isfinite(among), among, alone)
    with np.errstate(invalid="ignore"):
        table["normalised"] = (over, np.where(reach > 0, table["r_mean"].values / reach, np.nan))
    seats = {seat.name for seat in prepared.seats}
    enter_depths(table, prepared)
    table["kind"] = ("space", ["features" if s.split("/")[0] in seats else "nuisance" for s in spaces])
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


def enter_depths(table: "xr.Dataset", prepared: Prepared) -> None:
    """Enter ``best_depth`` (space, region), the mean over subjects of where the layers lie that were chosen, from 0 at
    the first layer of a model that the study asks for to 1 at the last; and with a hierarchy ``order_tau``,
    ``order_p`` (space), whether later regions take deeper layers; see `order_test`."""
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
    tested: bool = True,
) -> None:
    """Enter the mean over subjects of each variable (…, subject), its 95 % interval ``_low`` to ``_high`` and, if
    `tested`, its one-sided ``_p``, of a mean of 0 or below by t, and ``_q``, p corrected over the table
    (Benjamini-Hochberg).

    Subjects are a random effect. The interval is that of a bootstrap over subjects (`studentised`), for scores are
    skewed more often than not; of fewer than six subjects, of whom a bootstrap says little, it is that of t. p is of t,
    which has more digits than a bootstrap has draws.
    """
    from consilience.engine.alignment.over_subjects import spread
    from consilience.engine.inference.bootstrap import studentised
    from consilience.engine.inference.null import benjamini_hochberg

    for name in names:
        values = table[name].transpose(*over, "subject").values
        found, drawn = spread(values), studentised(values, prepared.study.bootstraps, prepared.study.seed)
        low, high = (np.where(np.isfinite(b), b, t) for b, t in zip(drawn, found.interval()))
        told = {"mean": found.mean, "low": low, "high": high}
        if tested:
            told["p"] = found.p_above()
            told["q"] = benjamini_hochberg(told["p"])
        for what, of in told.items():
            table[f"{name}_{what}"] = (over, of)


def ceilings(prepared: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """The lower and the upper ceiling, (regions, subjects) each; NaN where units or rows of subjects do not
    correspond."""
    from consilience.engine.encoding.ceiling import time_course_ceilings

    tables = prepared.recordings.subjects
    found = np.full((2, len(prepared.regions), len(tables)), np.nan)
    for g, region in enumerate(prepared.regions):
        those = {s: t for s, t in tables.items() if region in t.layers}
        if len(those) > 1 and correspond(list(those.values()), region):
            values = [smooth(recorded(t, region), prepared, groups_of(t)) for t in those.values()]
            found[:, g, [list(tables).index(s) for s in those]] = time_course_ceilings(np.stack(values))
    return found[0], found[1]


def correspond(tables: "Sequence[FeatureTable]", region: str) -> bool:
    """Whether unit u of the region is the same in all subjects, one unit or units at the same coordinates, and so are
    the rows."""
    units = {(t.layers[region].dim, str(t.meta.get("coordinates", {}).get(region))) for t in tables}
    rows = {tuple(t.sample_ids) for t in tables}
    (dim, places), *others = units
    return not others and len(rows) == 1 and (dim == 1 or places != "None")
