"""The scores of a brain study in one small table, a row a measure, model and region: what runs are compared by.

``score`` (row, subject), NaN where a subject has none; ``measure``, ``model`` and ``region`` (row) name it: by metrics
of layers with regions the score of the layer that is best for the others, of an encoding r and what is beyond nuisance,
of the reliability the accuracy and so on, of no model. ``layer`` (row) is the one that most subjects take, ``key``
(row) what decides the score; see `pipelines.brain.inputs`.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from consilience.pipelines.brain.inputs import ENCODED, RELIABLE, Keys, encoded, inputs, reliable
from consilience.pipelines.brain.prepare import Prepared

if TYPE_CHECKING:
    import xarray as xr

FILE = "outcomes.nc"
TOLD = ("version", "created", "study", "status", "stimuli", "summary")  # of the attributes of all tables


class Row(NamedTuple):
    """A score of every subject, by name."""

    measure: str
    model: str
    region: str
    layer: str
    scores: dict[str, float]


def outcomes(
    prepared: Prepared, results: "Mapping[str, xr.Dataset]", attrs: Mapping[str, Any]
) -> "xr.Dataset":
    """The table of those results; `attrs` are what `describe` says of them."""
    import xarray as xr

    subjects, keys = list(prepared.recordings.subjects), Keys(prepared)
    rows = [x for x in _rows(results) if np.isfinite(list(x.scores.values())).any()]
    values = [[x.scores.get(subject, np.nan) for subject in subjects] for x in rows]
    told = {name: attrs[name] for name in TOLD}
    n = min((x["n"] for x in keys.measures.values()), default=0)
    return xr.Dataset(
        {"score": (("row", "subject"), np.array(values, np.float64).reshape(len(rows), len(subjects)))},
        coords={
            "subject": subjects,
            **{name: ("row", [getattr(x, name) for x in rows]) for name in Row._fields[:4]},
            "key": ("row", [keys.of(x.measure, x.model, x.region) for x in rows]),
        },
        attrs={**told, "inputs": json.dumps(inputs(prepared)), "join": json.dumps({"rows": n})},
    )


def _rows(results: "Mapping[str, xr.Dataset]") -> Iterator[Row]:
    if (table := results.get("alignment")) is not None:
        for metric in table["metric"].values:
            one = table.sel(metric=metric)
            yield from _of_models(str(metric), one["held_out"], one["chosen"], "model")
    if (table := results.get("encoding")) is not None:
        for name in ENCODED:
            yield from _of_models(encoded(name), table[name], table["layer"], "space")
    if (table := results.get("reliability")) is not None:
        for name in RELIABLE:
            for region in table["region"].values:
                yield Row(reliable(name), "", str(region), "", _by_subject(table[name].sel(region=region)))


def _of_models(measure: str, values: "xr.DataArray", layers: "xr.DataArray", side: str) -> Iterator[Row]:
    for model in values[side].values:
        for region in values["region"].values:
            at = {side: model, "region": region}
            taken = Counter(str(x) for x in layers.sel(at).values.ravel() if str(x))
            layer = taken.most_common(1)[0][0] if taken else ""
            yield Row(measure, str(model), str(region), layer, _by_subject(values.sel(at)))


def _by_subject(values: "xr.DataArray") -> dict[str, float]:
    return {str(subject): float(x) for subject, x in zip(values["subject"].values, values.values)}
