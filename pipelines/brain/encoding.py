"""The encoding part of a brain study: every subject by itself, kept the moment it is done, then all in one table.

Dimensions: ``space`` (a model, or with ``choose_layer: false`` a layer; then the nuisance spaces), ``region``,
``subject``. Variables:

- ``r``, ``r2``, ``unique_r2``, ``p`` (space, region, subject): means over the units of the region, on held-out rows;
  ``unique_r2`` is beyond all nuisance spaces, of a nuisance space beyond the others; ``p`` by shifted responses, the
  least over units times their number
- ``nuisance_r2`` (region, subject): R² of the nuisance spaces together
- ``layer`` (space, region, subject): the layer that most folds chose; ``layer_r`` (representation, region, subject): r
  of every layer by itself, chosen or not, with the coordinate ``model_of``
- ``null`` (space, region, draw): the mean over subjects of unique_r2, or of r without nuisance, of responses shifted
  in time, by the same amounts in all; ``null_p`` (space, region): one-sided, of the observed mean; ``null_q``:
  corrected over all models, or all nuisance spaces, and regions
- ``lower``, ``upper`` (region, subject): correlation of the subject's time courses with the mean of the others', and of
  everybody, over the same rows; where the units of subjects correspond
- ``ceiling`` (region, subject): the root of the split-half reliability of the mean over repeats (Spearman-Brown), mean
  over units; where repeats were kept apart and agree
- ``r_mean``, ``unique_r2_mean`` and so on with ``_low``, ``_high``, ``_p``, ``_q`` (space, region): mean over subjects,
  its interval by a bootstrap over subjects and its one-sided p; see `pipelines.brain.group.summarise`
- ``difference`` (region, model, model_b) with ``_low``, ``_high``, ``_p``, ``_q``: models in pairs; see
  `pipelines.brain.group.enter_differences`
- ``best_depth`` (space, region), ``order_tau``, ``order_p`` (space): see `pipelines.brain.group.enter_depths`
- ``normalised_subject`` (space, region, subject), ``normalised`` (space, region), ``bounded`` (region): r over its
  ceiling, the mean of that over the subjects whose ceiling is reliable, and how many those are; see
  `pipelines.brain.bounds`

The second table, ``units``, keeps every unit: ``r``, ``r2``, ``unique_r2``, ``normalised`` (space, unit_of), the
coordinates ``unit_subject``, ``unit_region``, ``unit_number``; ``unit_place`` (unit_of, axis) is in mm, NaN where it is
not known.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.engine.progress import Progress
from consilience.pipelines.brain.prepare import Prepared
from consilience.pipelines.brain.rows import (
    features_on_rows,
    gap_rows,
    groups_of,
    measured,
    one_size,
    recorded,
    smooth,
    standard,
)
from consilience.pipelines.brain.units import OF_UNITS, regions_of, units_of
from consilience.pipelines.console import Console
from consilience.pipelines.runs.scorecache import ScoreCache

if TYPE_CHECKING:
    import xarray as xr

    from consilience.engine.features.representation import Representation


def keys(prepared: Prepared) -> dict[str, str]:
    """Subject -> the digest of what decides its encoding."""
    settings = prepared.study.encode
    if settings is None:
        return {}
    digests = prepared.recordings.digests()
    return {
        subject: prepared.key(
            "encoding and units", recording=digests[subject], regions=list(prepared.regions), stimuli=prepared.stimuli,
            settings=settings.model_dump(mode="json"), seed=prepared.study.seed,
        )
        for subject in prepared.recordings.subjects
    }  # fmt: skip


def encode_missing(prepared: Prepared, cache: ScoreCache, console: Console) -> "dict[str, xr.Dataset]":
    """The encoding of every subject, from the cache or computed, in two tables, ``encoding`` and ``units``; none where
    the study asks for none."""
    wanted = keys(prepared)
    if not wanted:
        return {}
    from consilience.pipelines.brain.group import together, units_together

    def work(progress: Progress) -> Callable[[str], "xr.Dataset"]:
        return partial(encoded, prepared, Spaces(prepared, progress))

    parts = cache.filled(wanted, work, console, "Encoding")
    return {"encoding": together(prepared, parts), "units": units_together(parts)}


class Spaces:
    """The features of all models on the rows of the recordings, made once."""

    def __init__(self, prepared: Prepared, progress: Any):
        self.prepared = prepared
        self.layers: dict[str, dict[str, np.ndarray]] = {}
        self.absent: dict[str, int] = {}
        self.ids: dict[str, list[str]] = {}
        for done, seat in enumerate(prepared.seats):
            found = features_on_rows(prepared, seat)
            self.layers[seat.name], self.ids[seat.name], self.absent[seat.name] = found
            progress("features on rows", done + 1, len(prepared.seats))
        self._smooth: dict[Any, list[Representation]] = {}

    def on(self, ids: list[str], groups: list[str] | None) -> "list[Representation]":
        """Every layer on those rows, without drifts, of one size."""
        key = (tuple(ids), None if groups is None else tuple(groups))
        if key not in self._smooth:
            self._smooth = {key: [self._one(m, l, ids, groups) for m, ls in self.layers.items() for l in ls]}
        return self._smooth[key]

    def _one(self, model: str, layer: str, ids: list[str], groups: list[str] | None) -> "Representation":
        at = {sample: row for row, sample in enumerate(self.ids[model])}
        rows = [at[sample] for sample in ids if sample in at]
        kept = [sample for sample in ids if sample in at]
        values = self.layers[model][layer][rows]
        return representation(model, layer, one_size(smooth(values, self.prepared, groups)), kept)


def encoded(prepared: Prepared, spaces: Spaces, subject: str) -> "xr.Dataset":
    """One subject: every model, and every nuisance space beyond the others, on all regions of the study."""
    from consilience.engine.encoding import encode

    study, table = prepared.study, prepared.recordings.subjects[subject]
    settings = study.encode
    assert settings is not None
    ids, groups = [str(x) for x in table.sample_ids], groups_of(table)
    responses = [
        representation(subject, region, measured(prepared, subject, region, groups), ids)
        for region in prepared.regions
        if region in table.layers
    ]
    beside = prepared.recordings.nuisance(subject)
    nuisance = {
        name: representation(
            "nuisance", name, standard(smooth(recorded(beside, name), prepared, groups)), ids
        )
        for name in settings.nuisance
        if beside is not None
    }
    common: dict[str, Any] = {
        "folds": settings.folds, "gap": gap_rows(prepared), "bands": settings.bands, "seed": study.seed,
        "groups": None if groups is None else dict(zip(ids, groups)), "budget": study.budget,
        "permutations": settings.permutations, **study.placed,
    }  # fmt: skip
    # What was recorded beside the volumes is of their time already.
    found = encode(
        spaces.on(ids, groups), responses, list(nuisance.values()) or None, delays=settings.delays,
        delay_nuisance=False, choose_layer=settings.choose_layer, **common,
    )  # fmt: skip
    parts, units = [regions_of(found)], [units_of(found, table)]
    for name, own in nuisance.items():
        others = [x for other, x in nuisance.items() if other != name]
        alone = encode([own], responses, others or None, **common)
        parts.append(regions_of(alone, [name]))
        units.append(units_of(alone, table, [name]))
    import xarray as xr

    each = xr.concat(units, "space", data_vars="minimal", coords="minimal", compat="override", join="outer")
    layers = parts[0][["layer_r"]] if "layer_r" in parts[0] else xr.Dataset()
    parts = [part.drop_dims("representation", errors="ignore") for part in parts]
    whole = xr.concat(
        parts, "space", data_vars="all", coords="minimal", compat="override", join="outer"
    ).merge(layers)
    whole["ceiling"] = parts[0]["ceiling"]
    whole["nuisance_r2"] = parts[0].get("nuisance_r2", xr.full_like(whole["r"][0], np.nan))
    whole = whole.merge(each.rename({name: f"unit_{name}" for name in OF_UNITS}))
    whole.attrs = {k: v for k, v in found.attrs.items() if k != "digests"}
    whole.attrs["absent"] = json.dumps(spaces.absent)
    return whole


def representation(model: str, layer: str, values: np.ndarray, ids: list[str]) -> "Representation":
    """An array under the names of its model and layer, with its sample ids."""
    from dataclasses import replace

    from consilience.engine.features.representations import representations

    (found,) = representations({layer: values})
    return replace(found, model=model, layer=layer, sample_ids=np.array(ids, dtype=object))
