"""Sending a record to MLflow, so that sending it twice, or again after half of it, makes one run."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from consilience.engine.errors import BadInput
from consilience.engine.tracking.address import SQLITE, client, page
from consilience.engine.tracking.record import PARAMETER, TAG, Part, Record, Sent, Source, cut, metric_name

DIGEST = "consilience.record"  # the tag by which a run is found again
_PART = "consilience.part"


def send(
    uri: str, record: Record, files: Path | None = None, opened: Callable[[Sent], None] | None = None
) -> Sent:
    """Write one finished run, its parts as children of it, to the tracking store at `uri` (absolute).

    A database file gets its artifacts in the folder ``<file's stem>-artifacts`` beside it; a server keeps them where
    it is set up to. Characters that MLflow does not take in a metric's name become ``_``, and a parameter that is too
    long for it is cut.

    Args:
        files: a folder, all of which becomes the artifacts. opened: called when the run has its id, before they go.

    Raises:
        NotSent: where the store cannot be reached, or refuses; what is there of the run is completed the next time.
        BadInput: for an experiment that was deleted.
    """
    with client(uri) as mlflow:
        experiment = _experiment(mlflow, uri, record.experiment)
        run_id, done = _run(mlflow, experiment, DIGEST, record.digest, record.name, record.created)
        sent = Sent(uri, experiment, run_id, page(uri, experiment, run_id))
        if done:
            return sent
        if opened is not None:
            opened(sent)
        _write(mlflow, run_id, record, record.created + record.seconds, _series(record))
        for i, part in enumerate(record.parts):
            key = f"{record.digest}/{i}"
            child, done = _run(mlflow, experiment, _PART, key, part.name, record.created, parent=run_id)
            if not done:
                _write(mlflow, child, part, record.created + record.seconds)
                mlflow.set_terminated(child, "FINISHED", end_time=_ms(record.created + record.seconds))
        mlflow.log_inputs(run_id, datasets=[_input(x) for x in record.sources])
        if files is not None and any(files.iterdir()):
            mlflow.log_artifacts(run_id, str(files))
        # Last: a run that is finished is whole.
        mlflow.set_terminated(run_id, "FINISHED", end_time=_ms(record.created + record.seconds))
    return sent


def find(mlflow: Any, experiment: str, tag: str, value: str) -> Any:
    """The newest run with that tag, or None."""
    found = mlflow.search_runs(
        [experiment], f"tags.`{tag}` = '{value}'", max_results=1, order_by=["attributes.start_time DESC"]
    )
    return found[0] if found else None


def _run(
    mlflow: Any, experiment: str, tag: str, key: str, name: str, began: float, parent: str | None = None
) -> tuple[str, bool]:
    """The id of the run with that key, made if need be, and whether it is whole."""
    known = find(mlflow, experiment, tag, key)
    if known is not None:
        return known.info.run_id, known.info.status == "FINISHED"
    links = {"mlflow.parentRunId": parent} if parent else {}
    made = mlflow.create_run(experiment, start_time=_ms(began), run_name=name, tags={tag: key, **links})
    return made.info.run_id, False


def _write(mlflow: Any, run_id: str, what: Record | Part, now: float, series: Iterable[Any] = ()) -> None:
    from mlflow.entities import Metric, Param, RunTag

    tags = dict(what.tags)
    if isinstance(what, Record):
        # MLflow holds 36 characters of a dataset's digest; the tag beside it holds all of them.
        tags |= {f"{s.role}.{s.name}": s.fingerprint for s in what.sources}
    values = [Metric(metric_name(k), float(v), _ms(now), 0) for k, v in what.metrics.items()]
    mlflow.log_batch(
        run_id,
        metrics=[*values, *series],
        params=[Param(metric_name(k), cut(v, PARAMETER)) for k, v in what.params.items()],
        tags=[RunTag(metric_name(k), cut(v, TAG)) for k, v in tags.items()],
    )


def _series(record: Record) -> list[Any]:
    from mlflow.entities import Metric

    return [
        Metric(metric_name(name), value, _ms(at), step)
        for name, found in record.series.items()
        for step, (at, value) in enumerate(found)
    ]


def _input(source: Source) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    profile = json.dumps({"num_rows": source.rows, "digest": source.fingerprint})
    dataset = Dataset(
        name=source.name, digest=source.fingerprint[:36], source_type="local", source=source.location,
        profile=profile,
    )  # fmt: skip
    return DatasetInput(dataset, [InputTag("mlflow.data.context", source.role)])


def _experiment(mlflow: Any, uri: str, name: str) -> str:
    location = None
    if uri.startswith(SQLITE):
        file = Path(uri.removeprefix(SQLITE))
        file.parent.mkdir(parents=True, exist_ok=True)
        # Without a location MLflow writes to ./mlruns, wherever the command happens to run.
        location = (file.parent / f"{file.stem}-artifacts").as_uri()
    known = mlflow.get_experiment_by_name(name)
    if known is None:
        return str(mlflow.create_experiment(name, artifact_location=location))
    if known.lifecycle_stage != "active":
        raise BadInput(
            "an experiment that can be written to",
            f"{name!r}, which was deleted in {uri}",
            f"restore it (`mlflow experiments restore -x {known.experiment_id}`) or rename the study",
        )
    return str(known.experiment_id)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
