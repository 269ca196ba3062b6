"""What every kind of study records of a run: its settings, what it took, where it was made, and the files."""

import io
import platform
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from consilience.engine.tracking import Part, Record, Source
from consilience.engine.usage import Stages
from consilience.pipelines.runs.computed import computed
from consilience.pipelines.runs.origin import commit, environment
from consilience.pipelines.runs.syncing import STUDY_KEY
from consilience.pipelines.seats import Seat, open_set
from consilience.pipelines.studyfiles.common import StudyFile

Files = dict[str, Path | str | bytes]
_MEGABYTE = 1e6


def record_of(
    study: StudyFile,
    key: str,
    attrs: Mapping[Any, Any],
    stages: Stages,
    metrics: Mapping[str, float],
    sources: Sequence[Source],
    parts: Sequence[Part],
    note: str,
) -> Record:
    """The record of a run of any kind of study.

    Args:
        key: the fingerprint of all that decides the results. metrics: its scores; what the stages took is added.
        parts: a child a model. note: what the run's page says first.
    """
    tags = {k: str(attrs[k]) for k in ("version", "created", "status")}
    tags |= {STUDY_KEY: key, "python": platform.python_version(), "mlflow.note.content": note}
    tags |= {"mlflow.source.name": study.file.name, "mlflow.source.type": "PROJECT"}
    seconds = sum(stages.seconds.values())
    return Record(
        study.name, f"{study.name} {attrs['created']}", stages.series[0][0], seconds,
        params=study.told(), metrics={**metrics, **_usage(stages)}, tags=tags | commit(study.file.resolve().parent),
        sources=sources, parts=parts, series=_over_time(stages),
    )  # fmt: skip


def files_of(study: StudyFile, results: Sequence[Path], seats: Sequence[Seat]) -> Files:
    """The artifacts of a run: results, study, environment, and the receipts of the extraction."""
    found: Files = {path.name: path for path in results}
    if study.file.is_file():
        found["study.yaml"] = study.without_secrets(study.file.read_text(encoding="utf-8"))
    found["environment.txt"] = environment()
    for seat in seats:
        found |= _receipts(seat)
    return found


def sources_of(seats: Sequence[Seat], name: str) -> list[Source]:
    """The fingerprints of models, features and stimuli."""
    found = []
    for seat in seats:
        assert seat.table is not None
        card = seat.table.meta.get("card", {})
        if "weights_hash" in card:
            found.append(Source(seat.name, str(card["weights_hash"]), "model", str(card.get("revision", ""))))
        found.append(Source(seat.name, seat.digest, "features", str(seat.table.path), seat.table.n))
    stimuli = stimuli_of(name, seats)
    if stimuli.get("fingerprint"):
        found.append(Source(stimuli["name"], stimuli["fingerprint"], "stimuli", stimuli["name"]))
    return found


def part_of(seat: Seat, metrics: Mapping[str, float]) -> Part:
    """A model of the run as a child of it, tagged with what tells its weights and features from others."""
    assert seat.table is not None
    card = seat.table.meta.get("card", {})
    told = ("weights_hash", "revision", "modality", "objective", "preprocessing", "licence")
    tags = {k: str(card[k]) for k in told if card.get(k)}
    params = {
        "layers": str(len(seat.layers)),
        "units": str(sum(seat.layers.values())),
        "pool": seat.entry.pool,
    }
    params |= computed(seat.table)
    if card.get("parameters"):
        params["parameters"] = str(card["parameters"])
    rejected = float(seat.table.manifest["rejected"])
    return Part(
        seat.name, params, {"samples": float(seat.table.n), "rejected": rejected, **metrics},
        {"fingerprint": seat.digest, **tags},
    )  # fmt: skip


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


def _receipts(seat: Seat) -> Files:
    """Of one table: its manifest, which has the receipt of every part, and what became of every shard."""
    import json

    from consilience.engine.extraction.runlog import read_runs
    from consilience.engine.features.disk import folder_name

    assert seat.table is not None
    folder = f"receipts/{folder_name(seat.name)}"
    found: Files = {f"{folder}/manifest.json": json.dumps(seat.table.manifest, indent=1)}
    runs = read_runs(seat.table.path)
    if runs:
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        pq.write_table(pa.concat_tables([run.lines for run in runs]), sink)
        found[f"{folder}/shards.parquet"] = sink.getvalue()
    return found


def _usage(stages: Stages) -> dict[str, float]:
    found = {f"seconds/{stage}": s for stage, s in stages.seconds.items()}
    found |= {f"cpu_seconds/{stage}": s for stage, s in stages.cpu_seconds.items()}
    return found | {f"peak_megabytes/{stage}": m / _MEGABYTE for stage, m in stages.memory.items()}


def _over_time(stages: Stages) -> dict[str, list[tuple[float, float]]]:
    """Under the names that MLflow shows as system metrics."""
    looks = stages.series
    busy = [
        (at, 100 * (cpu - before) / (at - last))
        for (last, _, before), (at, _, cpu) in pairwise(looks)
        if at > last
    ]
    memory = [(at, used / _MEGABYTE) for at, used, _ in looks]
    return {"system/process_memory_megabytes": memory, "system/process_cpu_percentage": busy}
