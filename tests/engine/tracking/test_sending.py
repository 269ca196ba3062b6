"""Sending records, to a real MLflow database, and to a real server that comes and goes."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow_server import Server
from s3 import client as s3_client

from consilience.engine.errors import BadInput
from consilience.engine.tracking import NotSent, Part, Record, Source, metric_name, send, tracking_uri
from consilience.engine.tracking.sending import DIGEST

BEGAN = 1_700_000_000.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracking")


@pytest.fixture(scope="module")
def uri(folder: Path) -> str:
    return tracking_uri("sqlite:///runs.db", folder)


def files(folder: Path) -> Path:
    made = folder / "files"
    (made / "receipts").mkdir(parents=True, exist_ok=True)
    (made / "report.html").write_text("<p>a report</p>")
    (made / "receipts" / "m.json").write_text("{}")
    return made


def runs(uri: str, experiment: str, **options: Any) -> list[Any]:
    client = MlflowClient(tracking_uri=uri)
    known = client.get_experiment_by_name(experiment)
    return [] if known is None else list(client.search_runs([known.experiment_id], **options))


def test_everything_written_is_read_back(
    uri: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    fingerprint = "ab" * 32
    scores = {f"cka:estimator=biased,kernel=linear/pair {i}": i / 2000 for i in range(2001)}
    record = Record(
        "zoo", "first", BEGAN, 12.5,
        params={f"p{i}": str(i) for i in range(130)} | {"long": "x" * 7000},
        metrics=scores,
        tags={"version": "0.1"},
        sources=[
            Source("openmoji", fingerprint, "stimuli", "/data", 1445),
            Source("minilm", "cd" * 32, "model", "/m"),
        ],
        series={"system/memory_megabytes": [(BEGAN, 100.0), (BEGAN + 1, 200.0)]},
    )  # fmt: skip
    sent = send(uri, record, files(folder))
    assert sent.url == ""
    client = MlflowClient(tracking_uri=uri)
    run = client.get_run(sent.run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "first")
    assert (run.info.start_time, run.info.end_time) == (BEGAN * 1000, BEGAN * 1000 + 12500)
    long = run.data.params.pop("long")
    assert (len(long), long[-2:]) == (6000, "x…")
    assert run.data.params == {f"p{i}": str(i) for i in range(130)}
    assert run.data.metrics.pop("system/memory_megabytes") == 200
    assert run.data.metrics == {metric_name(k): v for k, v in scores.items()}
    history = client.get_metric_history(sent.run_id, "system/memory_megabytes")
    assert [(x.timestamp, x.step, x.value) for x in history] == [
        (BEGAN * 1000, 0, 100.0), (BEGAN * 1000 + 1000, 1, 200.0),
    ]  # fmt: skip
    assert run.data.tags["version"] == "0.1"
    assert run.data.tags["stimuli.openmoji"] == fingerprint
    assert run.data.tags[DIGEST] == record.digest
    assert run.inputs is not None
    inputs = {x.dataset.name: x for x in run.inputs.dataset_inputs}
    assert inputs["openmoji"].dataset.digest == fingerprint[:36]
    assert '"num_rows": 1445' in (inputs["openmoji"].dataset.profile or "")
    assert inputs["minilm"].tags[0].value == "model"
    kept = folder / "runs-artifacts" / sent.run_id / "artifacts"
    assert (kept / "report.html").read_text() == "<p>a report</p>"
    assert (kept / "receipts" / "m.json").is_file()
    assert not list(elsewhere.iterdir()), "nothing lands in the working directory"
    assert capfd.readouterr() == ("", "")


def test_parts_hang_under_their_run(uri: str) -> None:
    record = Record(
        "parts", "whole", BEGAN, parts=[Part(f"m{i}", tags={"revision": str(i)}) for i in range(2)]
    )
    sent = send(uri, record)
    found = runs(uri, "parts", filter_string=f"tags.mlflow.parentRunId = '{sent.run_id}'")
    assert {(x.info.run_name, x.data.tags["revision"], x.info.status) for x in found} == {
        ("m0", "0", "FINISHED"), ("m1", "1", "FINISHED"),
    }  # fmt: skip


def test_a_score_that_is_not_defined_stays_nan(uri: str) -> None:
    record = Record("zoo", "nan", BEGAN, metrics={"x": float("nan")})
    sent = send(uri, Record.of(record.plain()))
    assert str(MlflowClient(tracking_uri=uri).get_run(sent.run_id).data.metrics["x"]) == "nan"


def test_a_record_is_the_same_after_it_was_written_down() -> None:
    record = Record(
        "e", "r", BEGAN, 1.5, {"a": "1"}, {"x": float("inf"), "y": 0.1}, {"t": "v"},
        [Source("s", "f", "model", "l", 3)], [Part("p", {}, {"z": float("nan")})], {"m": [(BEGAN, 1.0)]},
    )  # fmt: skip
    again = Record.of(record.plain())
    assert again.digest == record.digest
    assert again.metrics == record.metrics
    assert again.plain() == record.plain()


def test_sent_twice_it_is_one_run(uri: str, folder: Path) -> None:
    record = Record("twice", "r", BEGAN, metrics={"x": 1.0}, parts=[Part("p")])
    first, second = (send(uri, record, files(folder)) for _ in range(2))
    assert first == second
    assert len(runs(uri, "twice")) == 2, "the run and its part"
    other = send(uri, Record("twice", "r", BEGAN + 1, metrics={"x": 1.0}))
    assert other.run_id != first.run_id


def test_cut_short_while_it_is_sent_it_is_completed(uri: str, folder: Path) -> None:
    record = Record(
        "cut", "r", BEGAN, params={"a": "1"}, metrics={"x": 1.0, "nan": float("nan")}, parts=[Part("p")],
        sources=[Source("s", "f" * 40, "model", "l")], series={"m": [(BEGAN, 1.0)]},
    )  # fmt: skip

    def killed(sent: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send(uri, record, opened=killed)
    (half,) = runs(uri, "cut")
    assert half.info.status == "RUNNING"
    # What could have been written before the end, all of it but the last word.
    client = MlflowClient(tracking_uri=uri)
    sent = send(uri, record, files(folder))
    client.update_run(sent.run_id, status="RUNNING")
    assert send(uri, record, files(folder)).run_id == sent.run_id == half.info.run_id
    run = client.get_run(sent.run_id)
    assert run.info.status == "FINISHED"
    assert len(client.get_metric_history(sent.run_id, "m")) == 1
    assert run.inputs is not None
    assert len(run.inputs.dataset_inputs) == 1
    assert len(runs(uri, "cut")) == 2


def test_a_deleted_experiment_is_refused_with_the_way_back(uri: str) -> None:
    send(uri, Record("gone", "x", BEGAN))
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("gone")
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    with pytest.raises(BadInput, match="mlflow experiments restore"):
        send(uri, Record("gone", "y", BEGAN))


def test_a_server_shows_the_run_and_a_dead_one_is_found_out_at_once(
    mlflow_server: Server, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record = Record("served", "r", BEGAN, metrics={"x": 1.0}, parts=[Part("p")])
    sent = send(mlflow_server.uri, record, files(folder))
    assert sent.url == f"{mlflow_server.uri}/#/experiments/{sent.experiment_id}/runs/{sent.run_id}"
    client = MlflowClient(tracking_uri=mlflow_server.uri)
    assert {x.path for x in client.list_artifacts(sent.run_id)} == {"report.html", "receipts"}
    before = dict(os.environ)
    mlflow_server.kill()
    try:
        began = time.monotonic()
        with pytest.raises(NotSent, match="nobody answers at http://127"):
            send(mlflow_server.uri, record)
        assert time.monotonic() - began < 5
    finally:
        mlflow_server.start()
    assert send(mlflow_server.uri, record, files(folder)) == sent
    assert dict(os.environ) == before, "what MLflow reads there is set for a call alone"
    assert capfd.readouterr() == ("", "")


def test_artifacts_go_through_a_server_into_a_bucket(s3_server: str, tmp_path: Path) -> None:
    bucket = s3_client(s3_server)
    bucket.create_bucket(Bucket="mlflow-artifacts")
    server = Server(tmp_path, "s3://mlflow-artifacts/runs")
    os.environ["MLFLOW_S3_ENDPOINT_URL"] = s3_server
    try:
        server.start()
    finally:
        del os.environ["MLFLOW_S3_ENDPOINT_URL"]
    try:
        sent = send(server.uri, Record("bucket", "r", BEGAN), files(tmp_path))
        got = MlflowClient(tracking_uri=server.uri).download_artifacts(
            sent.run_id, "report.html", str(tmp_path)
        )
        assert Path(got).read_text() == "<p>a report</p>"
        keys = [x["Key"] for x in bucket.list_objects_v2(Bucket="mlflow-artifacts")["Contents"]]
        assert any(sent.run_id in key and key.endswith("receipts/m.json") for key in keys)
    finally:
        server.kill()


def test_a_server_that_is_no_mlflow_is_told_from_one_that_is_down(s3_server: str) -> None:
    with pytest.raises(NotSent, match="did not take it"):
        send(s3_server, Record("e", "r", BEGAN))


def test_the_database_of_a_study_lies_beside_it(tmp_path: Path) -> None:
    assert tracking_uri("sqlite:///runs.db", tmp_path) == f"sqlite:///{tmp_path}{os.sep}runs.db"
    assert tracking_uri("sqlite:////var/runs.db", tmp_path) == "sqlite:////var/runs.db"
    assert tracking_uri("http://host:5000", tmp_path) == "http://host:5000"
    assert tracking_uri("postgresql+psycopg2://u@h/db", tmp_path) == "postgresql+psycopg2://u@h/db"


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "./mlruns"])
def test_a_folder_is_refused_before_mlflow_is_imported(uri: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="write sqlite:///"):
        tracking_uri(uri, tmp_path)


@pytest.mark.parametrize(
    ("uri", "where"),
    [("http://me:hush@host", "MLFLOW_TRACKING_PASSWORD"), ("postgresql://me:hush@h/db", "PGPASSWORD")],
)
def test_a_password_is_refused_and_not_shown(uri: str, where: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=where) as caught:
        tracking_uri(uri, tmp_path)
    assert "hush" not in str(caught.value)


def test_a_name_that_is_too_long_stays_its_own() -> None:
    a, b = (metric_name(f"{'m' * 300}{i}") for i in range(2))
    assert (len(a), len(b)) == (250, 250)
    assert a != b
