"""A record of a run in MLflow: parameters, scores, files, and the fingerprints of what it was computed from.

Everything is written at once, when the results exist: a killed run leaves no half record behind.
"""

import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from consilience.engine.errors import BadInput

_REMOTE = ("http", "https", "databricks", "postgresql", "mysql", "mssql")
_SQLITE = "sqlite:///"
# The limits of one call of MLflow's log_batch.
_METRICS, _PAIRS = 1000, 100


@dataclass(frozen=True)
class Source:
    """What a run was computed from: a model or a stimulus set, under the fingerprint of its content."""

    name: str
    fingerprint: str
    role: str
    location: str


def tracking_uri(uri: str, folder: Path) -> str:
    """`uri` with the path of a database file made absolute, starting at `folder`.

    Raises BadInput for a scheme that MLflow does not take (it refuses plain folders since version 3).
    """
    if uri.startswith(_SQLITE):
        return _SQLITE + str((folder / uri.removeprefix(_SQLITE)).resolve())
    if urlsplit(uri).scheme.split("+")[0] in _REMOTE:
        return uri
    raise BadInput("sqlite:///FILE or the address of an MLflow server", repr(uri), "write sqlite:///runs.db")


def record(
    uri: str,
    experiment: str,
    run: str,
    *,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    sources: Sequence[Source] = (),
    artifacts: Sequence[Path] = (),
    parent: str | None = None,
) -> str:
    """Write one finished run to the tracking store at `uri` (absolute); return its id.

    A database file gets its artifacts in the folder `<file's stem>-artifacts` beside it; a server keeps them
    where it is set up to. `parent` makes the run a child of another. Characters that MLflow does not take in a
    metric's name become ``_``.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    client, experiment_id = _open(uri, experiment)
    links = {"mlflow.parentRunId": parent} if parent else {}
    run_id: str = client.create_run(experiment_id, run_name=run, tags={**tags, **links}).info.run_id
    now = int(time.time() * 1000)
    values = [Metric(metric_name(k), float(v), now, 0) for k, v in metrics.items()]
    for part in _batches([Param(k, str(v)) for k, v in params.items()], _PAIRS):
        client.log_batch(run_id, params=part)
    for part in _batches(values, _METRICS):
        client.log_batch(run_id, metrics=part)
    client.log_inputs(
        run_id,
        datasets=[
            DatasetInput(
                # MLflow holds 36 characters of a digest; the tag beside it holds all of them.
                Dataset(name=s.name, digest=s.fingerprint[:36], source_type="local", source=s.location),
                [InputTag("mlflow.data.context", s.role)],
            )
            for s in sources
        ],
    )
    for part in _batches([RunTag(f"{s.role}.{s.name}", s.fingerprint) for s in sources], _PAIRS):
        client.log_batch(run_id, tags=part)
    for path in artifacts:
        client.log_artifact(run_id, str(path))
    client.set_terminated(run_id, "FINISHED")
    return run_id


def metric_name(name: str) -> str:
    """`name` in the characters that MLflow takes: ``cka:estimator=biased`` -> ``cka:estimator_biased``."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def _open(uri: str, experiment: str) -> tuple[Any, str]:
    from mlflow import MlflowClient

    location = None
    if uri.startswith(_SQLITE):
        file = Path(uri.removeprefix(_SQLITE))
        file.parent.mkdir(parents=True, exist_ok=True)
        # Without a location MLflow writes to ./mlruns, wherever the command happens to run.
        location = (file.parent / f"{file.stem}-artifacts").as_uri()
    with _no_news_of_tables():
        client = MlflowClient(tracking_uri=uri)
    known = client.get_experiment_by_name(experiment)
    if known is None:
        return client, client.create_experiment(experiment, artifact_location=location)
    if known.lifecycle_stage != "active":
        raise BadInput(
            "an experiment that can be written to",
            f"{experiment!r}, which was deleted in {uri}",
            f"restore it (`mlflow experiments restore -x {known.experiment_id}`) or rename the study",
        )
    return client, known.experiment_id


@contextmanager
def _no_news_of_tables() -> Iterator[None]:
    # Two lines about creating its tables, at level INFO, on every new database file.
    logger = logging.getLogger("mlflow.store.db.utils")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[i : i + size] for i in range(0, len(items), size))
