"""How far an extraction is, as another shell sees it; and a driver that is killed in the middle."""

import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consilience.engine.errors import BadInput
from consilience.engine.extraction.runlog import RunLog, read_runs
from consilience.engine.features import FeatureStore
from consilience.engine.features.location import location
from consilience.pipelines.extract import extract
from consilience.pipelines.runs.output import write_whole
from consilience.pipelines.runs.standing import read_standing
from consilience.pipelines.runs.status import HEADER, status
from consilience.pipelines.zoo.run import run as run_study

NOW = datetime.now(UTC)  # set anew for each test: what a run did five minutes ago counts for less
ABOUT = {
    "model": "m", "stimuli": "s", "samples": 1000, "samples_before": 200, "shards": 10, "shards_before": 2,
    "replicas": 2, "batch": 16,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _at_this_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "NOW", datetime.now(UTC))


def line(shard: int, began: float, seconds: float, **values: Any) -> dict[str, Any]:
    began += NOW.timestamp() - 100
    line = {"shard": shard, "rows": 100, "bytes": 4, "rejects": 1, "wait": 0.1, "load": 0.1, "forward": seconds - 0.2,
            "write": 0.1, "seconds": seconds, "node": "abcdef0123", "pid": 1, "attempt": 1}  # fmt: skip
    return {**line, "began": began, "ended": began + seconds, **values}


def logged(store: Any) -> RunLog:
    log = RunLog(store / "m" / "s" / "0a1b", ABOUT)
    for shard in range(4):
        log.add("written", **line(shard, 10 * shard, 10.0 + shard))
    log.add("died", shard=4, node="n", pid=2, attempt=1, began=NOW.timestamp(), ended=NOW.timestamp())
    return log


def test_status_of_a_running_and_of_a_stopped_extraction(tmp_path: Path) -> None:
    logged(tmp_path).close("running")
    _, (one,) = status(tmp_path)
    assert one.shards == (6, 10)
    assert one.samples == (600, 1000)
    assert one.rate == pytest.approx(400 / 43)
    assert one.left == pytest.approx(400 / (400 / 43))
    assert (one.rejects, one.retries, one.replicas, one.state) == (4, 1, 2, "running")
    assert one.slowest == ((13.0, 3, "abcdef0123"), (12.0, 2, "abcdef0123"), (11.0, 1, "abcdef0123"))
    facts = dict(zip(HEADER, one.facts(one.beat + timedelta(seconds=3)), strict=True))
    assert facts["shards"] == "6/10"
    assert facts["batch"] == "16"
    assert facts["left"] == "43 s"
    assert facts["last sign"] == "3 s ago"
    _, (late,) = status(tmp_path, datetime.now(UTC) + timedelta(minutes=5))
    assert late.state == "no sign of life; the same command goes on from here"
    assert late.left is None
    assert late.facts(late.beat + timedelta(minutes=5))[-1] == "5 min ago"


def test_of_a_store_in_s3(s3: str) -> None:
    log = logged(location(s3))
    log.close("running")
    said = subprocess.run(command("status", s3), capture_output=True, text=True, check=True)
    assert "6/10" in said.stdout
    log.close("finished")
    _, (one,) = status(s3)
    assert (one.state, one.shards, one.samples, one.retries) == ("finished", (6, 10), (600, 1000), 1)
    with pytest.raises(BadInput, match="where no extraction left a log"):
        status(s3.replace("/some/", "/other/"))


def test_a_long_log_begins_other_files_and_reads_as_one(tmp_path: Path) -> None:
    log = RunLog(tmp_path, ABOUT)
    for shard in range(2500):
        log.add("written", **line(shard, shard, 1.0))
    log.close("finished")
    assert len(list((tmp_path / ".runs").iterdir())) == 3
    (run,) = read_runs(tmp_path)
    assert run.lines["shard"].to_pylist() == list(range(2500))
    assert run.state == "finished"


def test_where_nothing_was_extracted_status_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"expected a store into which .* got .*where no extraction left a log"
    ):
        status(tmp_path)


STUDY = "name: long\nstimuli: s\nmodels: [a, b]\nmetrics: [procrustes]\ntracking: null\npermutations: 20000\n"


def write_tables(store: Path) -> None:
    rng = np.random.default_rng(0)
    for model in ("a", "b"):
        FeatureStore(store).write(
            model, "s", [f"{i:03d}" for i in range(300)], {"x": rng.normal(size=(300, 60))}
        )


def test_of_a_study_that_compares_in_another_shell(tmp_path: Path) -> None:
    """Its features are there already: no extraction has a log."""
    write_tables(tmp_path / "features")
    study = tmp_path / "study.yaml"
    study.write_text(STUDY)
    first = subprocess.Popen(command("run", study), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline, output = time.monotonic() + 60, tmp_path / "out"
    while not ((run := read_standing(output, datetime.now(UTC))) and run.steps and run.steps[0][1] > 0):
        assert first.poll() is None, first.communicate()[1].decode()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for place in (study, output):
        said = subprocess.run(command("status", place), capture_output=True, text=True, check=True).stdout
        assert said.startswith("long: running, ")
        assert re.search(r"^\w.*: \d+%, \d+ \w+ left$", said, re.M), said
    first.kill()
    first.communicate()
    run, _ = status(study, datetime.now(UTC) + timedelta(minutes=5))
    assert run is not None
    assert run.state == "no sign of life; the same command goes on from here"
    assert not [left for *_, left in run.steps if left is not None]


def test_of_a_study_that_is_done_or_failed(tmp_path: Path) -> None:
    write_tables(tmp_path / "features")
    study = tmp_path / "study.yaml"
    study.write_text(STUDY.replace("20000", "2"))
    run_study(study)
    run, tables = status(study)
    assert (run.name, run.state, run.steps, tables) == ("long", "finished", (), []) if run else False
    for model in ("a", "other"):  # a log beside a table of the study, and one that is of no study
        name = next(iter((tmp_path / "features" / "a" / "s").iterdir())).name if model == "a" else "0a1b"
        RunLog(tmp_path / "features" / model / "s" / name, {**ABOUT, "model": model}).close("finished")
    assert [x.model for x in status(study)[1]] == ["a"]
    assert [x.model for x in status(tmp_path / "features")[1]] == ["other", "a"]
    study.write_text(STUDY + "executor: ray\naddress: 127.0.0.1:1\n")
    with pytest.raises(BadInput, match="a Ray cluster"):
        run_study(study)
    run, _ = status(study)
    assert run is not None
    assert run.state.startswith("stopped: expected a Ray cluster at 127.0.0.1:1")


def test_a_file_that_several_write_at_once_is_one_of_theirs(tmp_path: Path) -> None:
    path, texts = tmp_path / "file", [str(k) * 100_000 for k in range(4)]

    def write(text: str) -> None:
        for _ in range(50):
            write_whole(path, text)
            assert path.read_text() in texts

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, texts))
    assert list(tmp_path.iterdir()) == [path]


def test_of_a_study_of_brains(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("name: brains\nbrain: kriegeskorte92\nmodels: [minilm]\nmetrics: [rsa]\n")
    logged(tmp_path / "features").close("running")
    run, (one,) = status(study)
    assert (run, one.shards) == (None, (6, 10))


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "consilience.pipelines.cli", *map(str, arguments)]


def contents(table: Any) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(table.path.glob("*.arrow"))}


def test_of_two_commands_at_once_one_waits_and_goes_on_where_the_other_is_killed(tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(f"sentence number {i} of many" for i in range(1600)))
    again = command(
        "extract", "minilm", f"text:{texts}", "--store", tmp_path / "store", "--layers", "hidden.6"
    )
    first = subprocess.Popen(again, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "store").rglob("part-*.arrow")):
        assert first.poll() is None, first.communicate()[1].decode()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.send_signal(signal.SIGSTOP)  # or it might be done before it is killed
    said = subprocess.run(command("status", tmp_path / "store"), capture_output=True, text=True, check=True)
    assert "running" in said.stdout
    assert "minilm" in said.stdout
    second = subprocess.Popen(again, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert second.stderr is not None
    assert f"is being written by process {first.pid} on" in second.stderr.readline()
    first.send_signal(signal.SIGKILL)
    first.communicate()
    (folder,) = (tmp_path / "store").glob("*/*/*")
    assert not (folder / "manifest.json").exists()
    assert second.wait(120) == 0, second.stderr.read()
    second.stderr.close()
    (table,) = FeatureStore(tmp_path / "store").tables()
    assert table.path == folder
    assert 0 < table.manifest["times"]["shards"] < 13
    assert list(table.sample_ids) == [str(i + 1) for i in range(1600)]
    other = extract("minilm", f"text:{texts}", tmp_path / "clean", layers="hidden.6")
    assert contents(table) == contents(other)
    assert [run.state for run in read_runs(table.path)] == ["running", "finished"]
    _, (one,) = status(tmp_path / "store")
    assert (one.state, one.shards) == ("finished", (13, 13))
