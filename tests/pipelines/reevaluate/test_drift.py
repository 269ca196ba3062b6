"""What a re-evaluation finds, by literal computations of its own, and that it finds it once."""

import importlib.metadata
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from swept import Swept
from toys import toy_study, write_toys

from consilience.engine.comparison import Comparison, compare
from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore
from consilience.pipelines.reevaluate import run as running
from consilience.pipelines.reevaluate.run import reevaluate
from consilience.pipelines.runs.syncing import kept
from consilience.pipelines.zoo import contents, provenance
from consilience.pipelines.zoo.run import run

REAL = importlib.metadata.version


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_toys(tmp_path, "eye", "ear", "nose")
    return tmp_path


def pairs_of(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "out" / "drift.parquet")


def test_a_change_is_tested_by_the_jackknife_of_the_differences(folder: Path) -> None:
    store = FeatureStore(folder / "features")
    options: dict[str, Any] = {"groups": 10, "permutations": 3, "left_out": True}
    names = ["ear", "eye", "nose"]
    before = compare([store.open(x, "toys") for x in names], metrics=["cka", "rsa"], **options)
    study = toy_study(folder, metrics=["cka", "rsa"], more="drift: {q: 0.01, change: 0.2}")
    run(study)
    write_toys(folder, "ear", share=0.4)
    now = compare([store.open(x, "toys") for x in names], metrics=["cka", "rsa"], **options)
    found = reevaluate(study)
    pairs = pairs_of(folder)
    tested = pairs[~pairs["same_inputs"]]
    assert len(tested) == 2 * 9
    assert bool(tested["paired"].all())
    p = []
    for row in tested.itertuples():
        at = {"metric": row.metric, "a": row.a, "b": row.b}
        assert row.before == pytest.approx(before["score"].sel(at).item(), abs=1e-12)
        assert row.after == pytest.approx(now["score"].sel(at).item(), abs=1e-12)
        difference = (now["left_out"].sel(at) - before["left_out"].sel(at)).values.astype(float)
        se = np.sqrt(9 / 10 * ((difference - difference.mean()) ** 2).sum())
        assert row.se == pytest.approx(se, rel=1e-4)
        half = stats.t.ppf(0.975, 9) * se
        assert (row.low, row.high) == pytest.approx((row.change - half, row.change + half), abs=1e-5)
        p.append(2 * stats.t.sf(abs(row.change) / se, 9))
    np.testing.assert_allclose(tested["p"], p, rtol=1e-2, atol=1e-12)
    np.testing.assert_allclose(tested["q"], stats.false_discovery_control(tested["p"]))
    drifted = (tested["q"] <= 0.01) & (tested["change"].abs() >= 0.2)
    assert tested["drifted"].tolist() == drifted.tolist()
    assert 0 < drifted.sum() < len(tested)
    first = tested.iloc[0]
    at = {"metric": first["metric"], "a": first["a"], "b": first["b"]}
    apart = np.hypot(before["se"].sel(at), now["se"].sel(at))
    assert first["se"] < apart, "what both scores have in common drops out"
    assert found.told["counts"]["drifted"] == drifted.sum()
    assert found.told["thresholds"] == {"q": 0.01, "change": 0.2}


def test_other_samples_are_tested_as_scores_that_have_nothing_in_common(folder: Path) -> None:
    study = toy_study(folder)
    before = run(study)
    write_toys(folder, "eye", "ear", "nose", n=80)
    found = reevaluate(study)
    now = run(study)
    pairs = pairs_of(folder)
    assert not pairs["paired"].any()
    assert found.told["counts"]["tested"] == len(pairs) == 15
    row = pairs.iloc[0]
    at = {"metric": row["metric"], "a": row["a"], "b": row["b"]}
    assert row["se"] == pytest.approx(np.hypot(before["se"].sel(at).item(), now["se"].sel(at).item()))
    kinds = {(x["kind"], x["before"], x["after"]) for x in found.told["changes"]}
    assert ("samples", "60", "80") in kinds


def test_a_metric_more_and_a_setting_are_told(folder: Path, swept: Swept) -> None:
    run(toy_study(folder))
    swept.counts()
    found = reevaluate(toy_study(folder, metrics=["cka", "mutual_knn"]))
    assert swept.counts() == {"mutual_knn": 21}
    assert [x["kind"] for x in found.told["changes"]] == ["new metric"]
    assert (found.told["status"], found.told["counts"]["new"]) == ("no drift", 15)
    study = toy_study(folder, metrics=["cka", "mutual_knn"])
    study.write_text(study.read_text().replace("groups: 10", "groups: 6"))
    found = reevaluate(study)
    told = {(x["kind"], x["what"], x["before"], x["after"]) for x in found.told["changes"]}
    assert ("setting", "groups", "10", "6") in told
    assert found.told["counts"]["tested"] == 30
    assert not found.alarm, "the scores are the same: only their errors are others"


def versioned(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    for module in (contents, provenance, importlib.metadata):
        monkeypatch.setattr(
            module, "version", lambda name, real=REAL: version if name == "consilience" else real(name)
        )


def test_the_same_inputs_with_other_numbers_are_told_apart_from_drift(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = toy_study(folder)
    run(study)
    versioned(monkeypatch, "8.0")
    same = reevaluate(study)
    assert (same.told["status"], same.alarm) == ("no drift", False)
    assert [x["kind"] for x in same.told["changes"]] == ["version"]
    assert same.told["counts"]["same inputs"] == 15

    inner = Comparison.run

    def other(work: Comparison, *args: Any) -> xr.Dataset:
        scores = inner(work, *args)
        scores["score"].loc[{"a": "ear/layer.0", "b": "eye/layer.1"}] += 2e-4
        scores["score"].loc[{"a": "eye/layer.1", "b": "ear/layer.0"}] += 2e-4
        scores["score"].loc[{"a": "ear/layer.1", "b": "eye/layer.1"}] += 5e-7
        return scores

    monkeypatch.setattr(Comparison, "run", other)
    versioned(monkeypatch, "9.0")
    found = reevaluate(study)
    assert found.alarm
    told = found.told
    assert (told["status"], told["drift"], told["reproducible"]) == ("not reproducible", False, False)
    ((a, b, change),) = [(x["a"], x["b"], x["change"]) for x in told["irreproducible"]]
    assert (a, b) == ("ear/layer.0", "eye/layer.1")
    assert change == pytest.approx(2e-4, rel=1e-3)
    assert "of the same inputs is another number than in the baseline, by up to 0.0002" in " ".join(
        told["summary"]
    )


def test_cut_short_after_the_run_was_recorded_the_baseline_is_still_the_one_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch, swept: Swept
) -> None:
    study = toy_study(folder)
    run(study)
    swept.counts()
    write_toys(folder, "ear", share=0.2)

    def cut(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cutting:
        cutting.setattr(running, "_evaluate", cut)
        with pytest.raises(KeyboardInterrupt):
            reevaluate(study)
    assert len(kept(folder / "out").entries()) == 2, "the run itself is there"
    swept.counts()
    found = reevaluate(study)
    assert swept.counts() == {}
    assert found.told["status"] == "drift"
    assert reevaluate(study).told["status"] == "no change", "since that run"


def test_two_at_once_find_the_same_once(folder: Path) -> None:
    study = toy_study(folder)
    run(study)
    write_toys(folder, "ear", share=0.2)
    command = [sys.executable, "-m", "consilience.pipelines.cli", "reevaluate", str(study)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [4, 4], said
    assert all("Drift: " in out for out, _ in said)
    assert len(list((folder / "out" / ".reevaluations").glob("*/done.json"))) == 1
    assert len(kept(folder / "out").entries()) == 2


def test_a_promoted_run_stays_the_baseline(folder: Path) -> None:
    study = toy_study(folder)
    first = reevaluate(study, promoted=True)
    assert first.told == {}
    assert not first.alarm
    start = kept(folder / "out").entries()[0].digest
    write_toys(folder, "ear", share=0.2)
    assert reevaluate(study).told["baseline"]["record"] == start
    again = reevaluate(study)
    assert (again.told["status"], again.told["baseline"]["record"]) == ("drift", start), "until it is another"
    last = kept(folder / "out").entries()[-1].digest
    assert reevaluate(study, baseline=last[:12]).told["status"] == "no change"
    reevaluate(study, promoted=True)
    assert reevaluate(study).told["baseline"]["record"] == last
    with pytest.raises(BadInput, match="`consilience runs` lists them"):
        reevaluate(study, baseline="nothing")


@pytest.fixture
def hook() -> Iterator[tuple[str, list[Any]]]:
    """The address of a local server, and what it was sent."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if self.path.startswith("/broken") else 204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


def test_a_webhook_is_told_what_was_found_once(
    folder: Path,
    hook: tuple[str, list[Any]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, got = hook
    run(toy_study(folder))
    study = toy_study(folder, more=f"drift: {{webhook: '{address}/ok'}}")
    reevaluate(study)
    assert got == [], "nothing is new"
    write_toys(folder, "ear", share=0.2)
    reevaluate(study)
    ((sent),) = got
    assert (sent["study"], sent["status"]) == ("toy", "drift")
    assert sent["summary"][0].startswith("Drift: ")
    assert sent["counts"]["drifted"] > 0

    monkeypatch.setenv("HOOK", f"{address}/broken?token=hush")
    write_toys(folder, "ear", share=0.9)
    found = reevaluate(toy_study(folder, more="drift: {webhook: 'env:HOOK'}"))
    assert len(got) == 2
    said = capsys.readouterr().out
    assert "Not delivered: the webhook did not take it: 500" in said
    assert "hush" not in said
    assert found.told["status"] in ("drift", "no drift"), "and that is all that comes of it"
    write_toys(folder, "ear", share=0.8)
    reevaluate(toy_study(folder, more="drift: {webhook: 'http://127.0.0.1:9/x'}"))
    assert "Not delivered: the webhook did not take it: ConnectionRefusedError" in capsys.readouterr().out
    write_toys(folder, "ear", share=0.7)
    reevaluate(toy_study(folder, more="drift: {webhook: 'env:NOWHERE'}"))
    assert "the environment has no http address in NOWHERE" in capsys.readouterr().out


def test_a_machine_that_never_ran_the_study_takes_the_baseline_from_mlflow(
    folder: Path, tmp_path: Path
) -> None:
    study = toy_study(folder, tracking="sqlite:///runs.db")
    reevaluate(study, promoted=True)
    entry = kept(folder / "out").entries()[0]
    assert entry.sent is not None
    write_toys(folder, "ear", share=0.2)
    study.write_text(study.read_text() + "output: elsewhere\n")
    found = reevaluate(study)
    assert found.told["baseline"]["run_id"] == entry.sent.run_id
    assert (found.told["status"], found.told["counts"]["paired"]) == ("drift", 0), (
        "the groups were kept there"
    )


def test_a_run_of_an_older_version_cannot_be_a_baseline(folder: Path) -> None:
    from consilience.engine.scores import open_scores, save

    study = toy_study(folder)
    run(study)
    path = kept(folder / "out").entries()[0].files / "scores.nc"
    scores = open_scores(path)
    del scores.attrs["inputs"]
    save(scores, path)
    with pytest.raises(BadInput, match="run the study once again"):
        reevaluate(study)
