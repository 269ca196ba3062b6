"""Where a study's scores come from: written into the score table, and into MLflow."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.engine.extraction.runlog import notes
from consilience.engine.tracking import Record
from consilience.engine.usage import Stages
from consilience.pipelines.runs.computed import computed
from consilience.pipelines.runs.recording import Files, files_of, part_of, record_of, sources_of, stimuli_of
from consilience.pipelines.seats import Seat, cards
from consilience.pipelines.zoo.prepare import Prepared

if TYPE_CHECKING:
    import xarray as xr


def describe(
    scores: "xr.Dataset",
    prepared: Prepared,
    elapsed: Mapping[str, float],
    beside: "xr.Dataset | None" = None,
) -> dict[str, str | int]:
    """The attributes of a study's score table, JSON where nested, with the findings in sentences as `summary`, and the
    `answer` to what it asks, whose sentences come first. `beside` are the scores on its second stimulus set.
    """
    from consilience.pipelines.questions.asked import answered
    from consilience.pipelines.report.run import run_facts
    from consilience.pipelines.zoo.inputs import inputs
    from consilience.pipelines.zoo.words import summary

    study = prepared.study
    nested = {
        "tables": [table_facts(x) for x in prepared.seats],
        "cards": cards(prepared.seats, study),
        "stimuli": stimuli_of(prepared.study.stimuli, prepared.seats),
        "layers": {m: x.layers.words() for m, x in zip(prepared.metric_ids(), study.metrics, strict=True)},
        "left_out": prepared.left_out,
        "elapsed": {k: round(v, 2) for k, v in elapsed.items()},
        "inputs": inputs(prepared),
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
    whole = scores.assign_attrs(attrs)
    answer = answered(prepared, whole, beside)
    if answer:
        attrs["answer"] = json.dumps(answer)
    attrs["summary"] = json.dumps([*answer.get("sentences", ()), *summary(whole)])
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


def recorded(
    scores: "xr.Dataset", prepared: Prepared, stages: Stages, artifacts: Sequence[Path]
) -> tuple[Record, Files]:
    """The run for MLflow: settings, the held-out score of each pair of models, a child a model, and the files."""
    from consilience.pipelines.report.best import best_pairs

    study = prepared.study
    metrics: dict[str, float] = {}
    of_model: dict[str, dict[str, float]] = {seat.name: {} for seat in prepared.seats}
    for metric in (str(m) for m in scores["metric"].values):
        found: dict[str, list[float]] = {}
        for (a, b), best in best_pairs(scores, metric).items():
            name = f"{metric}/{a} with {b}"
            metrics |= {name: best.score, f"{name}/se": best.se, f"{name}/p": best.p}
            of_model[a] |= {f"{metric}/with {b}": best.score, f"{metric}/with {b}/se": best.se}
            found.setdefault(a, []).append(best.score)
        for model, values in found.items():
            of_model[model][f"{metric}/mean"] = sum(values) / len(values)
        if found:
            every = [x for values in found.values() for x in values]
            metrics[f"{metric}/mean"] = sum(every) / len(every)
    record = record_of(
        study, prepared.fingerprint(), scores.attrs, stages, metrics, sources_of(prepared.seats, study.stimuli),
        [part_of(seat, of_model[seat.name]) for seat in prepared.seats], note_of(scores.attrs),
    )  # fmt: skip
    return record, files_of(study, artifacts, prepared.seats)


def note_of(attrs: Mapping[Any, Any]) -> str:
    """The findings, and where the report lies, as the page of the run shows them."""
    return "\n\n".join([*json.loads(attrs["summary"]), "The report is among the artifacts: `report.html`."])


def table_facts(seat: Seat) -> dict[str, Any]:
    """What a run tells of a feature table."""
    table = seat.table
    assert table is not None
    rejected = table.rejected.to_pylist() if table.manifest["rejected"] else []
    about: dict[str, Any] = {k: table.meta[k] for k in ("licence", "citation") if k in table.meta}
    if how := computed(table):
        about["computed"] = how
    if noted := notes(table.path):
        about["noted"] = noted
    return {
        "model": seat.name,
        "stimuli": table.stimuli,
        "digest": table.digest,
        "n": table.n,
        "rejected": [[x["sample_id"], x["reason"]] for x in rejected],
        **about,
    }
