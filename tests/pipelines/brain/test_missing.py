"""A subject who lacks stimuli that others have is named, on the terminal and on the page."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

import consilience as cs
from consilience.connectors.brains import open_brains
from consilience.engine.scores import open_scores
from consilience.pipelines.brain.run import run
from consilience.pipelines.console import Console

IDS = [f"picture-{k:02d}" for k in range(24)]
LACKED = "s2: 4 of 24 stimuli ('picture-20', 'picture-21', 'picture-22', …): not recorded"
STUDY = """
name: mine
brain: arrays:mine
stimuli: pictures
models: [net]
permutations: 20
bootstraps: 100
tracking: null
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three subjects of whom the second lacks the last four of 24 stimuli, and a model that saw all."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(24, 6))
    cs.FeatureStore(tmp_path / "features").write("net", "pictures", IDS, {"layer": features})
    (tmp_path / "mine").mkdir()
    for subject, n in (("s1", 24), ("s2", 20), ("s3", 24)):
        units = features @ rng.normal(size=(6, 5)) + rng.normal(size=(24, 5))
        np.savez(tmp_path / "mine" / f"{subject}.npz", sample_id=np.array(IDS[:n]), V1=units[:n])
    return tmp_path


def test_an_encoding_names_who_lacks_stimuli(folder: Path) -> None:
    file = folder / "study.yaml"
    file.write_text(f"{STUDY}metrics: []\nencode: {{bands: 1}}\n")
    command = [sys.executable, "-m", "consilience.pipelines.cli", "brain", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert said.count(f"Left out: {LACKED}") == 2, "in the plan, and with the findings"
    table = open_scores(folder / "out" / "encoding.nc")
    assert json.loads(table.attrs["join"]) == {
        "rows": 20, "dropped": {}, "subjects": {"s1": 24, "s2": 20, "s3": 24},
    }  # fmt: skip
    page = " ".join((folder / "out" / "report.html").read_text(encoding="utf-8").split())
    assert "in common with all of them: 24 of s1, s3; 20 of s2." in page
    assert "Nothing was left out" not in page
    assert "None was left out" not in page


def test_metrics_name_who_lacks_stimuli_and_know_it_from_the_store(folder: Path) -> None:
    file = folder / "study.yaml"
    file.write_text(f"{STUDY}metrics: [rsa]\n")
    for store in ("empty", "filled"):
        shown = StringIO()
        found = run(file, console=Console(shown))
        assert f"Left out: {LACKED}" in " ".join(shown.getvalue().split()), store
        assert json.loads(found["alignment"].attrs["recordings"])["excluded"] == [LACKED], store
        (folder / "out" / "run.json").unlink()


def test_writing_tells_of_missing_stimuli_whatever_the_data_came_from(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(1)
    constant = np.ones((24, 5))
    for subject, values in (("s1", rng.normal(size=(24, 5))), ("s3", constant)):
        held = dict(np.load(folder / "mine" / f"{subject}.npz"))
        np.savez(folder / "mine" / f"{subject}.npz", **{**held, "IT": values})
    written = open_brains(f"arrays:{folder / 'mine'}").write(cs.FeatureStore(folder / "store"))
    assert [str(x) for x in written.excluded] == [
        "s3: 1 region (IT): the same value in every row", LACKED, "s2: 1 region (IT): not recorded",
    ]  # fmt: skip
    assert f"mine: left out {LACKED}" in caplog.text
