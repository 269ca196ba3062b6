"""Three re-evaluations in a row of a study of weight files, with an MLflow server that is up, down, and up again."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow_server import Server
from nets import register_nets, save_net
from swept import Swept

from consilience.pipelines.reevaluate.run import reevaluate
from consilience.pipelines.runs.syncing import kept
from consilience.pipelines.zoo.run import run

STUDY = """
name: in a row
stimuli: points
models: [{models}]
metrics: [cka, procrustes]
groups: 10
permutations: 3
tracking: {tracking}
"""


def study(folder: Path, tracking: str, *names: str) -> Path:
    path = folder / "study.yaml"
    models = ", ".join(f'"net:{folder / name}"' for name in names)
    path.write_text(STUDY.format(models=models, tracking=tracking))
    return path


def runs(server: Server) -> list[Any]:
    """Those in MLflow that are no parts of others, the oldest first."""
    client = MlflowClient(tracking_uri=server.uri)
    experiment = client.get_experiment_by_name("in a row")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
    return [x for x in found if "mlflow.parentRunId" not in x.data.tags]


def tables(folder: Path) -> dict[Path, int]:
    """When each feature table was finished."""
    return {x.parent: x.stat().st_mtime_ns for x in (folder / "features").rglob("manifest.json")}


def swept_with(swept: Swept, name: str) -> dict[str, int]:
    """How many pairs each metric computed, of which every one is of that model."""
    for metric, pairs in swept.found.items():
        strangers = [pair for pair in pairs if not any(x.startswith(f"{name}/") for x in pair)]
        assert not strangers, (metric, strangers)
    return swept.counts()


@pytest.mark.usefixtures("ray_local")
def test_three_re_evaluations_in_a_row(
    tmp_path: Path, mlflow_server: Server, monkeypatch: pytest.MonkeyPatch, swept: Swept
) -> None:
    register_nets(monkeypatch, 80)
    for seed, name in enumerate(("ant", "bee", "cow")):
        save_net(tmp_path / name, seed)
    path = study(tmp_path, mlflow_server.uri, "ant", "bee", "cow")
    run(path)
    assert swept.counts() == {"cka": 21, "procrustes": 21}
    (first,) = runs(mlflow_server)
    made = tables(tmp_path)

    began = time.monotonic()
    nothing = reevaluate(path)
    assert time.monotonic() - began < 15
    assert swept.counts() == {}
    assert nothing.told["status"] == "no change"
    assert nothing.told["baseline"]["run_id"] == first.info.run_id
    assert not nothing.alarm
    assert [x.info.run_id for x in runs(mlflow_server)] == [first.info.run_id]

    mlflow_server.kill()
    try:
        began = time.monotonic()
        assert reevaluate(path).told["status"] == "no change"
        assert time.monotonic() - began < 15, "nothing new does not wait for a server that is down"
        save_net(tmp_path / "bee", 17)
        drifted = reevaluate(path)
    finally:
        mlflow_server.start()
    new = {place: at for place, at in tables(tmp_path).items() if made.get(place) != at}
    assert [place.parent.parent.name for place in new] == ["bee"], "nothing else was extracted"
    of_bee = 2 * 4 + 2 + 1  # with the layers of the two others, and among its own two
    assert swept_with(swept, "bee") == {"cka": of_bee, "procrustes": of_bee}
    assert drifted.alarm
    told = drifted.told
    assert (told["status"], told["reproducible"]) == ("drift", True)
    assert [(x["kind"], x["what"]) for x in told["changes"]] == [("weights", "bee")]
    assert told["counts"]["tested"] == told["counts"]["paired"] == 2 * 9, "no layer with itself"
    assert told["counts"]["same inputs"] == 2 * 6
    assert all("bee" in x["a"] + x["b"] for x in told["drifted"])
    assert len(kept(tmp_path / "out").waiting()) == 2
    assert len(runs(mlflow_server)) == 1

    save_net(tmp_path / "dog", 3)
    joined = reevaluate(study(tmp_path, mlflow_server.uri, "ant", "bee", "cow", "dog"))
    assert kept(tmp_path / "out").waiting() == [], "the server is up: what waited was sent as well"
    _, second, report, *last = runs(mlflow_server)
    tags = report.data.tags
    assert tags["consilience.baseline"] == first.data.tags["consilience.record"]
    assert tags["consilience.baseline_run"] == first.info.run_id
    assert tags["consilience.scores"] == second.data.tags["consilience.record"]
    assert second.data.tags["model.bee"] != first.data.tags["model.bee"]
    client = MlflowClient(tracking_uri=mlflow_server.uri)
    assert {x.path for x in client.list_artifacts(report.info.run_id)} == {
        "drift.html", "drift.json", "drift.parquet",
    }  # fmt: skip

    of_dog = 2 * 6 + 2 + 1
    assert swept_with(swept, "dog") == {"cka": of_dog, "procrustes": of_dog}
    told = json.loads((tmp_path / "out" / "drift.json").read_text())
    assert told == joined.told
    assert (told["status"], told["counts"]["tested"]) == ("no drift", 0)
    assert told["baseline"]["record"] == second.data.tags["consilience.record"]
    assert [(x["kind"], x["what"]) for x in told["changes"]] == [("new model", "dog")]
    assert told["counts"]["new"] == 2 * (of_dog - 2), "no layer with itself"
    assert len(last) == 2
    assert last[1].data.tags["consilience.baseline"] == second.data.tags["consilience.record"]
    assert last[1].data.tags["consilience.scores_run"] == last[0].info.run_id
    again = reevaluate(tmp_path / "study.yaml")
    assert (again.told["status"], swept.counts()) == ("no change", {})
    assert again.told["baseline"]["run_id"] == last[0].info.run_id
