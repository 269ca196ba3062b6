"""`consilience runs`, `sync` and `reevaluate`, called as a user calls them."""

import json
from pathlib import Path

import pytest
from called import Call
from mlflow_server import Server, nobody
from toys import toy_study, write_toys

from consilience.engine.tracking import Kept
from consilience.pipelines.runs.syncing import kept


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a study of three models."""
    monkeypatch.chdir(tmp_path)
    write_toys(tmp_path, "eye", "ear", "nose")
    return tmp_path


def ids(folder: Path) -> list[str]:
    return [x.digest for x in kept(folder / "out").entries() if "consilience.study" in x.record.tags]


def test_drift_is_exit_code_4_and_two_runs_are_compared(call: Call, folder: Path) -> None:
    toy_study(folder)
    code, out, _ = call("reevaluate", "study.yaml")
    assert code == 0
    assert "this one is the baseline of the next" in out
    write_toys(folder, "ear", share=0.2)
    code, out, _ = call("reevaluate", "study.yaml", "--promote")
    assert code == 4
    assert "Exit code 4: drift." in out
    assert (folder / "out" / "drift.html").is_file()
    assert call("reevaluate", "study.yaml")[0] == 0
    first, second = ids(folder)
    code, out, _ = call("runs", first[:10], second[:10])
    assert code == 0
    assert "ear: weights ear-0-1.0 → ear-0-0.2" in out
    assert "15 scores are in both; 6 have the same inputs." in out
    assert "paired" in out
    found = json.loads(call("runs", "out", first[:10], second[:10], "--json")[1])
    told = json.loads((folder / "out" / ".reevaluations" / _drifted(folder) / "drift.json").read_text())
    largest = {(x["model_a"], x["model_b"]): x["largest"] for x in found["models"]}
    for one in told["models"]:
        assert largest[one["model_a"], one["model_b"]] == one["largest"], "as the re-evaluation had it"
    assert call("report", "out", "--history")[0] == 0
    assert (folder / "out" / "history.html").is_file()
    code, _, err = call("runs", first[:10], "zzz")
    assert code == 2
    assert "'zzz', of 0" in err
    assert call("runs", "out", "a", "b", "c")[0] == 2
    assert call("runs", "nowhere.yaml")[0] == 2
    assert call("reevaluate", "study.yaml", "--baseline", "zzz")[0] == 2


def _drifted(folder: Path) -> str:
    every = (folder / "out" / ".reevaluations").glob("*/drift.json")
    return next(x.parent.name for x in every if json.loads(x.read_text())["drift"])


def test_runs_are_listed_where_they_are_and_sent_to_a_server_that_is_up(
    call: Call, folder: Path, mlflow_server: Server
) -> None:
    toy_study(folder, tracking=mlflow_server.uri)
    assert call("run", "study.yaml")[0] == 0
    write_toys(folder, "ear", share=0.2)
    toy_study(folder, tracking=nobody())
    assert call("run", "study.yaml")[0] == 0
    code, out, _ = call("runs")
    assert code == 0
    assert "Only the runs kept here: nobody answers" in out
    code, out, err = call("sync", "study.yaml")
    assert (code, "1 that it did not take" in err) == (2, True)
    listed = json.loads(call("runs", "out", "--json")[1])
    assert [x["status"] for x in listed] == ["waiting", "sent"]
    code, out, _ = call("sync", "out", "--tracking", mlflow_server.uri)
    assert (code, "Sent: 1." in out) == (0, True)
    toy_study(folder, tracking=mlflow_server.uri)
    assert "Nothing waits to be sent." in call("sync")[1]
    for place in (("study.yaml",), (mlflow_server.uri, "--experiment", "toy")):
        listed = json.loads(call("runs", *place, "--json")[1])
        assert [x["status"] for x in listed] == ["finished", "finished"]
        assert [x["models"] for x in listed] == [["ear", "eye", "nose"]] * 2
        assert listed[0]["means"].keys() == {"cka:estimator_unbiased_kernel_linear"}
    code, out, _ = call("runs", "study.yaml")
    assert "cka 0." in out
    a, b = (x["id"] for x in reversed(listed))
    found = json.loads(call("runs", mlflow_server.uri, a, b, "--json")[1])
    assert found["changes"] == ["ear: weights ear-0-1.0 → ear-0-0.2"]
    assert not any(x["paired"] for x in found["pairs"]), "the scores without each group are beside the output"
    assert call("sync", "nowhere")[0] == 2


def test_a_record_that_is_damaged_is_named(call: Call, folder: Path) -> None:
    toy_study(folder)
    assert call("run", "study.yaml")[0] == 0
    (entry,) = Kept(folder / "out" / ".runs").entries()
    (entry.folder / "record.json").write_text("{")
    code, _, err = call("runs")
    assert code == 2
    assert "remove the folder" in err
