"""Runs of studies in MLflow: what is in them, and what becomes of them where the server is down."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow_server import Server, nobody

from consilience.engine.features import FeatureStore
from consilience.pipelines.console import Console
from consilience.pipelines.runs.syncing import kept, send_waiting
from consilience.pipelines.zoo.run import run

N = 60
STUDY = """
name: {name}
stimuli: toys
models: [eye, "e?r"]
metrics: [cka]
groups: 10
tracking: {tracking}
drift: {{webhook: "http://127.0.0.1:9/secret"}}
"""


def write(folder: Path, *models: str, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(N, 4))
    for model in models:
        layers = {f"layer.{i}": latent @ rng.normal(size=(4, 6)) + rng.normal(size=(N, 6)) for i in range(2)}
        card = {"weights_hash": f"{model}-{seed}", "revision": "r1", "modality": "image", "parameters": 60}
        FeatureStore(folder / "features").write(
            model, "toys", [f"s{i:02d}" for i in range(N)], layers, meta={"card": card}
        )


def study(folder: Path, tracking: str, name: str = "toy") -> Path:
    path = folder / "study.yaml"
    path.write_text(STUDY.format(name=name, tracking=tracking))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "eye", "ear")
    return tmp_path


def only(uri: str, name: str) -> tuple[Any, list[Any]]:
    """The one run of that experiment, and its children."""
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    found = list(client.search_runs([experiment.experiment_id]))
    (parent,) = (x for x in found if "mlflow.parentRunId" not in x.data.tags)
    children = [x for x in found if x.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(children) == len(found) - 1
    return parent, sorted(children, key=lambda x: str(x.info.run_name))


def test_a_run_holds_scores_models_receipts_and_where_it_was_made(folder: Path) -> None:
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@x"]
    path = study(folder, "sqlite:///runs.db")
    for command in (["init", "-q"], ["add", "study.yaml"], ["commit", "-qm", "a study"]):
        subprocess.run([*git, *command], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://me:hush@example.org/studies.git"], check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    scores = run(path)
    uri = f"sqlite:///{folder / 'runs.db'}"
    parent, children = only(uri, "toy")
    tags, metrics = parent.data.tags, parent.data.metrics
    assert tags["mlflow.source.git.commit"] == head
    assert tags["mlflow.source.git.repoURL"] == "https://example.org/studies.git"
    assert tags["git.dirty"] == "false"
    assert json.loads(scores.attrs["summary"])[0] in tags["mlflow.note.content"]
    assert (tags["model.eye"], tags["features.ear"]) == (
        "eye-0", FeatureStore(folder / "features").open("ear", "toys").digest,
    )  # fmt: skip
    assert json.loads(parent.data.params["models"])[1]["name"] == "ear", "a pattern stands for what it fits"
    every = json.dumps([parent.data.params, tags])
    assert "secret" not in every
    assert "hush" not in every
    assert {"seconds/comparison", "cpu_seconds/comparison", "peak_megabytes/comparison"} <= set(metrics)
    assert metrics["system/process_memory_megabytes"] > 10
    inputs = {(x.dataset.name, x.tags[0].value) for x in parent.inputs.dataset_inputs}
    assert inputs == {("eye", "model"), ("eye", "features"), ("ear", "model"), ("ear", "features")}

    metric = "cka:estimator_unbiased_kernel_linear"
    assert [x.info.run_name for x in children] == ["ear", "eye"]
    ear = children[0]
    assert (ear.data.tags["weights_hash"], ear.data.tags["revision"]) == ("ear-0", "r1")
    assert ear.data.params == {"layers": "2", "units": "12", "pool": "mean", "parameters": "60"}
    assert ear.data.metrics[f"{metric}/mean"] == metrics[f"{metric}/ear with eye"]
    assert ear.data.metrics[f"{metric}/with eye/se"] == metrics[f"{metric}/ear with eye/se"] > 0

    client = MlflowClient(tracking_uri=uri)
    there = {x.path for x in client.list_artifacts(parent.info.run_id)}
    assert there == {
        "report.html", "scores.nc", "scores.parquet", "plan.json", "study.yaml", "environment.txt", "receipts",
    }  # fmt: skip
    got = Path(client.download_artifacts(parent.info.run_id, "", str(folder)))
    manifest = json.loads((got / "receipts" / "eye" / "manifest.json").read_text())
    assert sum(part["rows"] for part in manifest["parts"]) == N
    assert "numpy==" in (got / "environment.txt").read_text()
    assert "secret" not in (got / "study.yaml").read_text()
    for page in (folder / "out" / "report.html", got / "report.html"):
        assert f"this is run <code>{parent.info.run_id}</code>" in page.read_text(), page
    (entry,) = kept(folder / "out").entries()
    assert [x.name for x in entry.files.iterdir()] == ["scores.nc"], "what later runs are compared with"


def test_a_server_that_is_down_loses_no_run(
    folder: Path, mlflow_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    path, output = study(folder, nobody(), "lost"), folder / "out"
    run(path)
    said = capsys.readouterr().out
    assert "The run is kept, and not yet in MLflow: nobody answers at http://127.0.0.1" in said
    assert f"`consilience sync {output}` sends what waits: 1." in said
    assert "not yet in MLflow" in (output / "report.html").read_text()
    write(folder, "ear", seed=1)
    run(path)
    assert len(kept(output).waiting()) == 2
    console = Console()
    assert send_waiting(output, console, mlflow_server.uri) == (2, 0)
    assert send_waiting(output, console) == (0, 0)
    client = MlflowClient(tracking_uri=mlflow_server.uri)
    experiment = client.get_experiment_by_name("lost")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
    parents = [x for x in found if "mlflow.parentRunId" not in x.data.tags]
    assert [x.data.tags["model.ear"] for x in parents] == ["ear-0", "ear-1"]
    assert len(found) == 2 * 3
    last = parents[-1].info.run_id
    assert (
        f'<a href="{mlflow_server.uri}/#/experiments/{experiment.experiment_id}/runs/{last}">'
        in (output / "report.html").read_text()
    )
    assert {x.path for x in client.list_artifacts(last)} >= {"report.html", "scores.nc", "receipts"}


def test_a_study_that_wants_no_tracking_keeps_its_scores_alone(folder: Path) -> None:
    run(study(folder, "null"))
    (entry,) = kept(folder / "out").entries()
    assert entry.uri is None
    assert [x.name for x in entry.files.iterdir()] == ["scores.nc"]
    assert "<!--run--><!--/run-->" in (folder / "out" / "report.html").read_text()
    assert not (folder / "runs.db").exists()
