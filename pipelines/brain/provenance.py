"""Where the results of a brain study come from: written into its tables, and into MLflow."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.engine.tracking import Record, Source
from consilience.engine.usage import Stages
from consilience.pipelines.brain.prepare import Prepared
from consilience.pipelines.brain.words import summary, told
from consilience.pipelines.runs.recording import Files, files_of, part_of, record_of, sources_of, stimuli_of
from consilience.pipelines.seats import cards
from consilience.pipelines.zoo.provenance import note_of, table_facts

if TYPE_CHECKING:
    import xarray as xr

# Of every table the dimension along which models lie, if any, and what MLflow is told of it.
TRACKED: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "alignment": ("model", ("mean", "p", "normalised", "gap")),
    "encoding": ("space", ("r_mean", "unique_r2_mean", "unique_r2_p")),
    "units": (None, ()),
    "reliability": (None, ("accuracy", "accuracy_p", "units", "rdm", "rdm_p")),
}


def describe(
    prepared: Prepared, results: "Mapping[str, xr.Dataset]", elapsed: Mapping[str, float]
) -> dict[str, str | int]:
    """The attributes that all tables get, JSON where nested, with the findings in sentences as `summary`."""
    study, brains, recordings = prepared.study, prepared.recordings.brains, prepared.recordings
    nested: dict[str, Any] = {
        "recordings": {
            "name": brains.name, "subjects": list(recordings.subjects), "regions": list(prepared.regions),
            "references": list(recordings.references), "excluded": [str(x) for x in recordings.excluded],
            "licence": brains.licence, "citation": brains.citation, "url": brains.url,
            "coordinates": _coordinates(prepared), "over_time": brains.on_rows is not None,
        },
        "tables": [table_facts(x) for x in prepared.seats],
        "cards": cards(prepared.seats, study),
        "stimuli": stimuli_of(prepared.stimuli, prepared.seats) if prepared.seats else {},
        "shown": {x.name: x.on(prepared.stimuli) for x in study.models},
        "left_out": prepared.left_out,
        "elapsed": {k: round(v, 2) for k, v in elapsed.items()},
        "settings": study.model_dump(mode="json", exclude={"drift"}),  # which may hold a secret
    }  # fmt: skip
    notes = [*told(results.get("alignment"), "notes", []), *_absent(prepared, results.get("encoding"))]
    nested["notes"] = notes
    nested["summary"] = summary(results, nested)
    return {
        "version": version("consilience"), "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": study.seed, "study": study.name, "status": "done", **{k: json.dumps(v) for k, v in nested.items()},
    }  # fmt: skip


def _coordinates(prepared: Prepared) -> dict[str, list[list[float]]]:
    """Of every region the coordinates of its units in the first subject that says where they lie, in mm."""
    found: dict[str, list[list[float]]] = {}
    for table in prepared.recordings.subjects.values():
        for region, places in table.meta.get("coordinates", {}).items():
            if region in prepared.regions:
                found.setdefault(region, places)
    return found


def _absent(prepared: Prepared, encoding: "xr.Dataset | None") -> list[str]:
    counts = told(encoding, "absent", {})
    return [
        f"{model}: {count} stimuli without features count as the mean of the others."
        for model, count in counts.items()
        if count
    ]


def recorded(
    prepared: Prepared,
    results: "Mapping[str, xr.Dataset]",
    attrs: Mapping[str, Any],
    stages: Stages,
    artifacts: Sequence[Path],
) -> tuple[Record, Files]:
    """The run for MLflow: the settings, what each model scores in each region, a child a model, the files."""
    metrics: dict[str, float] = {}
    of_model: dict[str, dict[str, float]] = {seat.name: {} for seat in prepared.seats}
    for what, table in results.items():
        dim, names = TRACKED[what]
        for name in names:
            metrics |= {f"{name}/{key}": value for key, value in _cells(table[name])}
            for model in ({str(x) for x in table[dim].values} & set(of_model)) if dim else ():
                own = _cells(table[name].sel({dim: model}))
                of_model[model] |= {f"{name}/{key}": value for key, value in own}
    brains, study = prepared.recordings.brains, prepared.study
    sources = sources_of(prepared.seats, prepared.stimuli)
    sources.append(Source(brains.name, brains.fingerprint, "brains", brains.url or brains.name))
    record = record_of(
        study, prepared.fingerprint(), attrs, stages, metrics, sources,
        [part_of(seat, of_model[seat.name]) for seat in prepared.seats], note_of(attrs),
    )  # fmt: skip
    return record, files_of(study, artifacts, prepared.seats)


def _cells(values: "xr.DataArray") -> list[tuple[str, float]]:
    found = []
    for at in np.ndindex(values.shape):
        if np.isfinite(values.values[at]):
            names = [str(values[dim].values[i]) for dim, i in zip(values.dims, at)]
            found.append(("/".join(names), float(values.values[at])))
    return found
