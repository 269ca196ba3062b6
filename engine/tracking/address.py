"""Where runs are recorded: which addresses there are, whether anybody answers there, and how long one waits for it."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from consilience.engine.errors import BadInput

SQLITE = "sqlite:///"
_SERVERS, _DATABASES = ("http", "https"), {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_PORTS = {"http": 80, "https": 443, **_DATABASES}
_WAIT = 3.0  # seconds for a connection
# MLflow's own figures are minutes for a server that is down. Whoever sets one of these has his own way.
_HASTY = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}

_LIBRARIES = {
    "mlflow",
    "requests",
    "urllib3",
    "sqlalchemy",
    "boto3",
    "botocore",
    "s3transfer",
    "google",
    "azure",
}


class NotSent(Exception):
    """A tracking store did not take a record; the text says why."""


def tracking_uri(uri: str, folder: Path) -> str:
    """`uri` with the path of a database file made absolute, starting at `folder`.

    Raises BadInput for a scheme that MLflow does not take (it refuses plain folders since version 3), and for a
    password, which would be kept with every run.
    """
    if uri.startswith(SQLITE):
        return SQLITE + str((folder / uri.removeprefix(SQLITE)).resolve())
    parts = urlsplit(uri)
    scheme = parts.scheme.split("+")[0]
    if parts.password is not None:
        where = (
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" if scheme in _SERVERS
            else "PGPASSWORD, ~/.pgpass, or what else the driver of that database reads"
        )  # fmt: skip
        raise BadInput(
            "a tracking address without a password", f"{shown(uri)} with one", f"keep it in {where}"
        )
    if scheme in _PORTS or scheme == "databricks":
        return uri
    raise BadInput("sqlite:///FILE or the address of an MLflow server", repr(uri), "write sqlite:///runs.db")


def shown(uri: str) -> str:
    """`uri` without who logs in."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else uri


def page(uri: str, experiment_id: str, run_id: str) -> str:
    """The page that shows a run; empty for a database, which has none."""
    served = urlsplit(uri).scheme in _SERVERS
    return f"{shown(uri).rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}" if served else ""


@contextmanager
def client(uri: str) -> Iterator[Any]:
    """An MLflow client of `uri`, whose calls give up soon where nobody answers.

    Raises NotSent if nobody does, and for whatever MLflow, or a library under it, raises in the block.
    """
    _probe(uri)
    with _hasty(), _no_news_of_tables():
        from mlflow import MlflowClient

        try:
            yield MlflowClient(tracking_uri=uri)
        except Exception as error:
            if isinstance(error, BadInput | NotSent) or not _of_others(error):
                raise
            _probe(uri)  # a server that dies meanwhile is better told so than by what the library makes of it
            first = str(error).strip().partition("\n")[0]
            raise NotSent(f"{shown(uri)} did not take it: {first}") from error


def _of_others(error: Exception) -> bool:
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in _LIBRARIES


def _probe(uri: str) -> None:
    """MLflow waits minutes for a database that is down, and that cannot be set: so ask first."""
    parts = urlsplit(uri)
    port = parts.port or _PORTS.get(parts.scheme.split("+")[0])
    if not parts.hostname or port is None:
        return
    try:
        socket.create_connection((parts.hostname, port), timeout=_WAIT).close()
    except OSError as error:
        raise NotSent(f"nobody answers at {shown(uri)}: {error.strerror or error}") from error


@contextmanager
def _hasty() -> Iterator[None]:
    ours = {name: value for name, value in _HASTY.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


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
