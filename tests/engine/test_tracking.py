"""Tracking, against a real MLflow database."""

import os
from pathlib import Path

import pytest
from mlflow import MlflowClient

from consilience.engine.errors import BadInput
from consilience.engine.tracking import Source, metric_name, record, tracking_uri


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracking")


@pytest.fixture(scope="module")
def uri(folder: Path) -> str:
    return tracking_uri("sqlite:///runs.db", folder)


def test_everything_written_is_read_back(
    uri: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    report = folder / "report.html"
    report.write_text("<p>a report</p>")
    fingerprint = "ab" * 32
    scores = {f"cka:estimator=biased,kernel=linear/pair {i}": i / 2000 for i in range(2001)}
    run_id = record(
        uri,
        "zoo",
        "first",
        params={f"p{i}": i for i in range(130)},
        metrics=scores,
        tags={"version": "0.1"},
        sources=[
            Source("openmoji", fingerprint, "stimuli", "/data"),
            Source("minilm", "cd" * 32, "model", "/m"),
        ],
        artifacts=[report],
    )
    client = MlflowClient(tracking_uri=uri)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "first"
    assert run.data.params == {f"p{i}": str(i) for i in range(130)}
    assert run.data.metrics == {metric_name(k): v for k, v in scores.items()}
    assert run.data.tags["version"] == "0.1"
    assert run.data.tags["stimuli.openmoji"] == fingerprint
    assert run.inputs is not None
    inputs = {x.dataset.name: x for x in run.inputs.dataset_inputs}
    assert inputs["openmoji"].dataset.digest == fingerprint[:36]
    assert inputs["minilm"].tags[0].value == "model"
    kept = folder / "runs-artifacts" / run_id / "artifacts" / "report.html"
    assert kept.read_text() == report.read_text()
    assert not list(elsewhere.iterdir()), "nothing lands in the working directory"
    assert capfd.readouterr() == ("", "")


def test_children_hang_under_their_parent(uri: str) -> None:
    parent = record(uri, "zoo", "whole", params={}, metrics={}, tags={})
    child = record(uri, "zoo", "part", params={}, metrics={"x": 1.0}, tags={}, parent=parent)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("zoo")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], f"tags.mlflow.parentRunId = '{parent}'")
    assert [x.info.run_id for x in found] == [child]


def test_a_score_that_is_not_defined_stays_nan(uri: str) -> None:
    run_id = record(uri, "zoo", "nan", params={}, metrics={"x": float("nan")}, tags={})
    assert str(MlflowClient(tracking_uri=uri).get_run(run_id).data.metrics["x"]) == "nan"


def test_a_deleted_experiment_is_refused_with_the_way_back(uri: str) -> None:
    record(uri, "gone", "x", params={}, metrics={}, tags={})
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("gone")
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    with pytest.raises(BadInput, match="mlflow experiments restore"):
        record(uri, "gone", "x", params={}, metrics={}, tags={})


def test_the_database_of_a_study_lies_beside_it(tmp_path: Path) -> None:
    assert tracking_uri("sqlite:///runs.db", tmp_path) == f"sqlite:///{tmp_path}{os.sep}runs.db"
    assert tracking_uri("sqlite:////var/runs.db", tmp_path) == "sqlite:////var/runs.db"
    assert tracking_uri("http://host:5000", tmp_path) == "http://host:5000"
    assert tracking_uri("postgresql+psycopg2://u@h/db", tmp_path) == "postgresql+psycopg2://u@h/db"


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "./mlruns"])
def test_a_folder_is_refused_before_mlflow_is_imported(uri: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="write sqlite:///"):
        tracking_uri(uri, tmp_path)
