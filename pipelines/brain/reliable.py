"""The reliability part of a brain study: every subject by itself, kept the moment it is done, then all in one table.

Variables are those of `consilience.engine.reliability`, over ``subject`` too, NaN where a subject lacks a region;
but for ``unit`` (unit_of), of the units of all subjects, one after the other, with the coordinates ``unit_subject``,
``unit_region``, ``unit_number``, and ``unit_place`` (unit_of, axis) in mm, NaN where it is not known. ``accuracy_mean``
(region) and so on are over subjects, see `pipelines.brain.group.summarise`.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.pipelines.brain.group import summarise
from consilience.pipelines.brain.prepare import Prepared
from consilience.pipelines.brain.rows import recorded
from consilience.pipelines.brain.units import places_of
from consilience.pipelines.console import Console
from consilience.pipelines.runs.scorecache import ScoreCache

if TYPE_CHECKING:
    import xarray as xr

OVER_SUBJECTS = ("accuracy", "units", "rdm")


def keys(prepared: Prepared) -> dict[str, str]:
    """Subject -> the digest of what decides its reliability; of subjects whose repeats were kept apart."""
    study = prepared.study
    if study.reliability is None:
        return {}
    return {
        subject: prepared.key(
            "reliability", with_models=False, regions=list(prepared.regions), seed=study.seed,
            settings=study.reliability.model_dump(mode="json"),
            repeats=[[name, prepared.recordings.content(table)] for name, table in repeats.items()],
        )
        for subject in prepared.recordings.subjects
        if (repeats := prepared.recordings.repeats(subject))
    }  # fmt: skip


def reliability_missing(prepared: Prepared, cache: ScoreCache, console: Console) -> "dict[str, xr.Dataset]":
    """The reliability of every subject, from the cache or computed, in the table ``reliability``; none where it is not
    asked for."""
    wanted = keys(prepared)
    if not wanted:
        return {}
    parts = cache.filled(wanted, lambda _: partial(of_subject, prepared), console, "Reliability")
    return {"reliability": together(prepared, parts)}


def of_subject(prepared: Prepared, subject: str) -> "xr.Dataset":
    """One subject: all regions of the study that its repeats hold."""
    from consilience.engine.features.rdm import RDM
    from consilience.engine.reliability import reliability

    settings, repeats = prepared.study.reliability, prepared.recordings.repeats(subject)
    assert settings is not None
    tables = list(repeats.values())
    given: dict[str, Any] = {}
    for region in (r for r in prepared.regions if all(r in table.layers for table in tables)):
        values = [recorded(table, region) for table in tables]
        rdm = tables[0].layers[region].kind == "rdm"
        given[region] = [RDM(x) for x in values] if rdm else np.stack(values, axis=1)
    found = reliability(
        given, settings.metric.spec(), splits=settings.splits, permutations=settings.permutations,
        seed=prepared.study.seed, budget=prepared.study.budget,
    )  # fmt: skip
    ids = [str(x) for x in tables[0].sample_ids]
    named = found.assign_coords(
        repeat=list(repeats),
        stimulus=ids,
        other=ids,
        unit_subject=("unit_of", [subject] * found.sizes["unit_of"]),
    )
    order = found["unit_region"].values.astype(str)
    named["unit_place"] = (("unit_of", "axis"), places_of(prepared.recordings.subjects[subject], order))
    return named


def together(prepared: Prepared, parts: "Mapping[str, xr.Dataset]") -> "xr.Dataset":
    """All subjects in one table."""
    import xarray as xr

    subjects = xr.DataArray(list(parts), dims="subject", name="subject")
    each = [part.drop_dims("unit_of").reindex(region=list(prepared.regions)) for part in parts.values()]
    table = xr.concat(each, subjects, combine_attrs="override", join="outer", data_vars="all")
    units = [
        part[["unit", "unit_place"]].reset_coords(["unit_region", "unit_number", "unit_subject"])
        for part in parts.values()
    ]
    table = table.merge(
        xr.concat(units, "unit_of").set_coords(["unit_region", "unit_number", "unit_subject"])
    )
    summarise(table, OVER_SUBJECTS, ("region",), prepared)
    return table
