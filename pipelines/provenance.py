"""Where a study's scores come from: written into the score table, and into MLflow."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.engine.tracking import Source, record
from consilience.pipelines.prepare import Prepared
from consilience.pipelines.seats import Seat, cards, open_set
from consilience.pipelines.studyfile import StudyFile

if TYPE_CHECKING:
    import xarray as xr


def describe(scores: "xr.Dataset", prepared: Prepared, elapsed: Mapping[str, float]) -> dict[str, str | int]:
    """The attributes of a study's score table, JSON where nested, with the findings in sentences as `summary`."""
    from consilience.pipelines.report.run import run_facts
    from consilience.pipelines.words import summary

    study = prepared.study
    nested = {
        "tables": [table_facts(x) for x in prepared.seats],
        "cards": cards(prepared.seats),
        "stimuli": stimuli_of(prepared.study.stimuli, prepared.seats),
        "layers": {m: x.layers.words() for m, x in zip(prepared.metric_ids(), study.metrics, strict=True)},
        "left_out": prepared.left_out,
        "elapsed": {k: round(v, 2) for k, v in elapsed.items()},
        "run": run_facts([x.table.path for x in prepared.seats if x.table is not None]),
    }
    plain: dict[str, str | int] = {
        "version": version("consilience"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": study.seed,
        "study": study.name,
        "status": "rejects over the limit" if over_limit(prepared) else "done",
    }
    attrs = plain | {k: json.dumps(v) for k, v in nested.items()}
    attrs["summary"] = json.dumps(summary(scores.assign_attrs(attrs)))
    return attrs


def over_limit(prepared: Prepared) -> list[str]:
    """The models of which more samples were rejected than the study allows."""
    found = []
    for seat in prepared.seats:
        assert seat.table is not None
        rejected = seat.table.manifest["rejected"]
        if rejected > prepared.study.reject_limit * (seat.table.n + rejected):
            found.append(seat.name)
    return found


def track(scores: "xr.Dataset", prepared: Prepared, uri: str, artifacts: Sequence[Path]) -> str:
    """Record the run in MLflow: the study's settings, the held-out score of each pair of models, the files."""
    from consilience.pipelines.report.best import best_pairs

    study = prepared.study
    metrics: dict[str, float] = {}
    for metric in (str(m) for m in scores["metric"].values):
        for (a, b), best in best_pairs(scores, metric).items():
            name = f"{metric}/{a} with {b}"
            metrics |= {name: best.score, f"{name}/se": best.se, f"{name}/p": best.p}
    return record_study(
        study, scores.attrs, uri, metrics, sources_of(prepared.seats, study.stimuli), artifacts
    )


def record_study(
    study: StudyFile,
    attrs: Mapping[Any, Any],
    uri: str,
    metrics: Mapping[str, float],
    sources: Sequence[Source],
    artifacts: Sequence[Path],
) -> str:
    """Record a run of any kind of study, with its settings, `metrics` and the seconds of its stages."""
    seconds = {f"seconds/{stage}": s for stage, s in json.loads(attrs["elapsed"]).items()}
    settings = study.model_dump(mode="json")
    params = {k: v if isinstance(v, str) else json.dumps(v) for k, v in settings.items()}
    tags = {k: str(attrs[k]) for k in ("version", "created", "status")}
    files = [*artifacts, study.file] if study.file.is_file() else artifacts
    return record(
        uri, study.name, f"{study.name} {attrs['created']}", params=params, metrics={**metrics, **seconds},
        tags=tags, sources=sources, artifacts=files,
    )  # fmt: skip


def sources_of(seats: Sequence[Seat], name: str) -> list[Source]:
    """The fingerprints of models, features and stimuli."""
    found = []
    for seat in seats:
        assert seat.table is not None
        card = seat.table.meta.get("card", {})
        if "weights_hash" in card:
            found.append(Source(seat.name, str(card["weights_hash"]), "model", str(card.get("revision", ""))))
        found.append(Source(seat.name, seat.digest, "features", str(seat.table.path)))
    stimuli = stimuli_of(name, seats)
    if stimuli.get("fingerprint"):
        found.append(Source(stimuli["name"], stimuli["fingerprint"], "stimuli", stimuli["name"]))
    return found


def stimuli_of(name: str, seats: Sequence[Seat]) -> dict[str, str]:
    """Name, licence, citation and fingerprint, from the set itself or from a table that was made of it."""
    registered, _ = open_set(name)
    if registered is not None:
        return {k: getattr(registered, k) for k in ("name", "licence", "citation", "fingerprint")}
    found = {"name": name}
    for seat in seats:
        assert seat.table is not None
        found |= {k: seat.table.meta[k] for k in ("licence", "citation") if k in seat.table.meta}
    return found


def table_facts(seat: Seat) -> dict[str, Any]:
    """What a run tells of a feature table."""
    table = seat.table
    assert table is not None
    rejected = table.rejected.to_pylist() if table.manifest["rejected"] else []
    about: dict[str, Any] = {k: table.meta[k] for k in ("licence", "citation") if k in table.meta}
    return {
        "model": seat.name,
        "stimuli": table.stimuli,
        "digest": table.digest,
        "n": table.n,
        "rejected": [[x["sample_id"], x["reason"]] for x in rejected],
        **about,
    }
