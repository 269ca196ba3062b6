"""A study, and tables by hand, in an object store."""

import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest

from consilience.engine.features import FeatureStore
from consilience.engine.scores import open_scores
from consilience.pipelines import cli
from consilience.pipelines.studyfiles.located import StudyError
from consilience.pipelines.studyfiles.study import load_study
from consilience.pipelines.tables import open_layer
from consilience.pipelines.zoo.run import run

IDS = [f"s{i:02d}" for i in range(40)]
STUDY = "name: t\nstimuli: toys\nmodels: [a, b]\nmetrics: [cka]\ngroups: 8\nstore: {}\n"
TRACKING = "tracking: {}\n"


def write(root) -> list[str]:
    rng = np.random.default_rng(0)
    store = FeatureStore(root)
    return [
        str(store.write(m, "toys", IDS, {"x": rng.normal(size=(40, 6))}, meta={"licence": "CC0"}).path)
        for m in ("a", "b")
    ]


def test_a_study_runs_on_a_store_in_s3(s3: str, tmp_path: Path) -> None:
    write(s3)
    write(tmp_path / "features")
    for name, place, tracking in (("remote", s3, "sqlite:///runs.db"), ("local", "../features", "null")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "study.yaml").write_text(STUDY.format(place) + TRACKING.format(tracking))
    remote, local = (run(tmp_path / name / "study.yaml") for name in ("remote", "local"))
    np.testing.assert_array_equal(remote["score"], local["score"])
    written = b"".join(path.read_bytes() for path in (tmp_path / "remote").rglob("*") if path.is_file())
    assert b"some/stores" in written  # the store is named, in MLflow too
    assert b"AKIATEST" not in written
    assert b"kept/secret" not in written
    with sqlite3.connect(tmp_path / "remote" / "runs.db") as runs:
        assert runs.execute("select count(*) from runs").fetchone() == (3,)  # and a child a model


def test_tables_in_s3_are_listed_and_compared(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["consilience", *arguments])
        with pytest.raises(SystemExit) as done:
            cli.main()
        said = capsys.readouterr()
        assert not done.value.code, said
        return said.out

    a, b = write(s3)
    assert [line.split()[0] for line in call("list", "tables", "--store", s3).splitlines()] == ["a", "b"]
    call("compare", a, b, "--metric", "cka", "--output", str(tmp_path / "out"))
    assert open_scores(tmp_path / "out" / "scores.nc").sizes["a"] == 2
    for text in (a, f"{a}:x"):
        assert open_layer(text).name == "a/x"


def test_credentials_in_a_study_are_refused_at_their_line_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(STUDY.format("s3://AKIAX:ses/ame@bucket/x"))
    with pytest.raises(StudyError, match=r"study.yaml, line 6, key store: .*environment") as refused:
        load_study(path)
    assert "ses/ame" not in str(refused.value)
    assert "AKIAX" not in str(refused.value)
