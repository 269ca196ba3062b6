"""Runs and re-evaluations into one output folder come one after the other: real processes, and what they leave."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr
from toys import toy_study, write_toys

from consilience.engine.scores import open_scores
from consilience.pipelines.runs.syncing import kept
from consilience.pipelines.zoo.run import run

HOLD = """
import sys
from pathlib import Path
from consilience.pipelines.runs.output import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def started(*command: str) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, *command], stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def command(*given: str) -> "subprocess.Popen[str]":
    return started("-m", "consilience.pipelines.cli", *given)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_toys(tmp_path, "eye", "ear", "nose")
    return toy_study(tmp_path, metrics=["cka", "mutual_knn"])


@pytest.mark.parametrize("ended", ["finished", "killed"])
def test_who_comes_second_waits_and_says_for_whom(study: Path, ended: str) -> None:
    output = study.parent / "out"
    output.mkdir()
    holder = started("-c", HOLD, str(output))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    waiting = command("run", str(study))
    assert waiting.stderr is not None
    told = waiting.stderr.readline()
    assert f"is being written by process {holder.pid} on " in told
    time.sleep(1.0)
    assert waiting.poll() is None
    assert not (output / "run.json").exists()
    if ended == "killed":
        os.kill(holder.pid, signal.SIGKILL)
    holder.communicate(timeout=30)
    out, err = waiting.communicate(timeout=120)
    assert waiting.returncode == 0, out + err
    assert (output / "run.json").is_file()
    assert not (output / ".lease").exists()


def test_runs_and_re_evaluations_at_once_leave_what_one_alone_does(study: Path, tmp_path: Path) -> None:
    both = [command(name, str(study)) for name in ("run", "reevaluate", "run")]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0, 0], said
    output = tmp_path / "out"
    (entry,) = kept(output).entries()
    assert json.loads((output / "run.json").read_text())["run"] == entry.digest
    found = open_scores(output / "scores.nc")
    xr.testing.assert_identical(found, open_scores(entry.files / "scores.nc"))
    assert sum("Nothing is new since the last run" in out for out, _ in said) == 2, (
        "one of the three computed"
    )
    segments = list((output / ".scores").glob("*/*.arrow"))
    assert len(segments) == 2, "each metric was swept once"
    alone = toy_study(tmp_path, metrics=["cka", "mutual_knn"], more="output: alone")
    done = command("run", str(alone))
    done.communicate(timeout=120)
    assert done.returncode == 0
    xr.testing.assert_equal(found, open_scores(tmp_path / "alone" / "scores.nc"))


def test_two_afresh_and_an_ordinary_one_at_once_find_the_same(study: Path, tmp_path: Path) -> None:
    run(study)
    given: tuple[list[str], ...] = (["--fresh"], ["--fresh"], [])
    every = [command("reevaluate", str(study), *options) for options in given]
    said = [process.communicate(timeout=300) for process in every]
    assert [process.returncode for process in every] == [0, 0, 0], said
    for (out, _), options in zip(said, given):
        assert "No change since the baseline" in out
        assert ("Everything was computed anew" in out) == bool(options)
    assert not (tmp_path / "out" / ".fresh").exists()
    assert len(list((tmp_path / "out" / ".scores").glob("*/*.arrow"))) == 2, "as the run left them"
