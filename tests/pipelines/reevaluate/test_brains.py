"""Brain studies re-evaluated: what changed in them, what moved by it over subjects, and what has to be the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from called import Call
from scipy import stats

import consilience as cs
from consilience.engine import alignment, encoding
from consilience.engine.errors import BadInput
from consilience.engine.scores import open_scores
from consilience.pipelines.brain import prepare, provenance
from consilience.pipelines.brain.run import run
from consilience.pipelines.reevaluate.run import reevaluate
from consilience.pipelines.runs.pair import compare_runs
from consilience.pipelines.runs.syncing import kept
from consilience.pipelines.zoosite import write as write_site

IDS = [f"picture-{k:02d}" for k in range(24)]
SEEN = np.random.default_rng(99).normal(size=(24, 6))  # what models and brains have in common
STUDY = """
name: mine
brain: arrays:mine
stimuli: pictures
models: [{models}]
metrics: [{metrics}]
permutations: 19
bootstraps: 100
tracking: {tracking}
{more}
"""
ENCODE = "encode: {bands: 1, components: 5, folds: 3}"
READY = "document.documentElement.dataset.ready"


def write_model(folder: Path, name: str, share: float = 1.0) -> None:
    """Features of two layers; another `share` of what all see is other weights."""
    rng = np.random.default_rng([5, *name.encode()])
    layers = {
        f"layer.{i}": (share * SEEN @ rng.normal(size=(6, 8)) + rng.normal(size=(24, 8))).astype("f4")
        for i in range(2)
    }
    card = {"weights_hash": f"{name}-{share}", "revision": "r1", "modality": "image"}
    cs.FeatureStore(folder / "features").write(name, "pictures", IDS, layers, meta={"card": card})


def write_subject(folder: Path, name: str, noise: float = 1.0) -> None:
    rng = np.random.default_rng([7, *name.encode()])
    held: dict[str, Any] = {
        r: SEEN @ rng.normal(size=(6, 5)) + noise * rng.normal(size=(24, 5)) for r in ("V1", "IT")
    }
    (folder / "mine").mkdir(exist_ok=True)
    np.savez(folder / "mine" / f"{name}.npz", **held, sample_id=np.array(IDS))


def brain_study(
    folder: Path, models: str = "eye, ear", metrics: str = "rsa", tracking: str = "null", more: str = ""
) -> Path:
    path = folder / "study.yaml"
    path.write_text(STUDY.format(models=models, metrics=metrics, tracking=tracking, more=more))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five subjects of two regions, and two models that see what they see."""
    for name in ("eye", "ear"):
        write_model(tmp_path, name)
    for subject in ("s1", "s2", "s3", "s4", "s5"):
        write_subject(tmp_path, subject)
    return tmp_path


def watched(calls: list[str], name: str, inner: Any) -> Any:
    def watching(*args: Any, **more: Any) -> Any:
        calls.append(name)
        return inner(*args, **more)

    return watching


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often the engine was asked to align or to encode."""
    calls: list[str] = []
    for module, name in ((alignment, "align"), (encoding, "encode")):
        monkeypatch.setattr(module, name, watched(calls, name, getattr(module, name)))
    return calls


def pairs_of(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "out" / "drift.parquet")


def kinds(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [(x["kind"], x["what"]) for x in told["changes"]]


def test_a_change_is_tested_over_subjects_of_the_model_that_changed(folder: Path) -> None:
    study = brain_study(folder, metrics="rsa, cka", more="drift: {q: 0.05, change: 0.05}")
    before = run(study)["alignment"]
    write_model(folder, "ear", share=0.2)
    found = reevaluate(study)
    now = open_scores(folder / "out" / "alignment.nc")
    pairs = pairs_of(folder)
    tested, same = pairs[~pairs["same_inputs"]], pairs[pairs["same_inputs"]]
    assert set(tested["a"]) == {"ear"}
    assert set(same["a"]) == {"eye"}
    assert len(tested) == len(same) == 2 * 2
    assert (same["off"] <= 1e-9).all()
    p = []
    for row in tested.itertuples():
        at = {"metric": row.metric, "model": row.a, "region": row.b}
        old, new = (table["held_out"].sel(at).values for table in (before, now))
        assert (row.before, row.after) == pytest.approx((old.mean(), new.mean()), abs=1e-12)
        test = stats.ttest_rel(new, old)
        ends = test.confidence_interval(0.95)
        assert (row.low, row.high) == pytest.approx((ends.low, ends.high), abs=1e-9)
        p.append(test.pvalue)
    np.testing.assert_allclose(tested["p"], p, rtol=1e-6)
    np.testing.assert_allclose(tested["q"], stats.false_discovery_control(p))
    drifted = (tested["q"] <= 0.05) & (tested["change"].abs() >= 0.05)
    assert tested["drifted"].tolist() == drifted.tolist()
    assert drifted.any()
    told = found.told
    assert found.alarm
    assert (told["kind"], told["status"], kinds(told)) == ("brains", "drift", [("weights", "ear")])
    assert told["counts"]["paired"] == 4
    assert " of ear in " in told["summary"][0]
    assert reevaluate(study).told["status"] == "no change"


def test_a_subject_more_is_encoded_alone_and_tested_as_other_people(
    folder: Path, computed: list[str]
) -> None:
    study = brain_study(folder, metrics="", more=ENCODE)
    before = run(study)["encoding"]
    assert computed == ["encode"] * 5
    write_subject(folder, "s6", noise=4.0)
    computed.clear()
    found = reevaluate(study)
    assert computed == ["encode"], "of the new subject"
    assert kinds(found.told) == [("new subject", "s6")]
    now = open_scores(folder / "out" / "encoding.nc")
    pairs = pairs_of(folder)
    assert set(pairs["metric"]) == {"encoding r"}
    assert len(pairs) == 4
    assert not pairs["same_inputs"].any()
    assert not pairs["paired"].any()
    row = pairs.iloc[0]
    at = {"space": row["a"], "region": row["b"]}
    errors = [stats.sem(table["r"].sel(at).values) for table in (before, now)]
    assert row["se"] == pytest.approx(np.hypot(*errors))
    assert row["after"] == pytest.approx(now["r"].sel(at).mean().item())


def test_other_recordings_of_a_subject_are_told_and_encoded_alone(folder: Path, computed: list[str]) -> None:
    study = brain_study(folder, metrics="", more=ENCODE)
    run(study)
    write_subject(folder, "s2", noise=3.0)
    computed.clear()
    found = reevaluate(study)
    assert computed == ["encode"]
    assert kinds(found.told) == [("recordings", "s2")]
    assert found.told["counts"]["paired"] == found.told["counts"]["tested"] == 4


def test_a_model_a_metric_and_a_setting_more_leave_the_others_as_they_are(
    folder: Path, computed: list[str]
) -> None:
    run(brain_study(folder))
    write_model(folder, "nose")
    found = reevaluate(brain_study(folder, "eye, ear, nose"))
    assert kinds(found.told) == [("new model", "nose")]
    counts = found.told["counts"]
    assert (counts["same inputs"], counts["tested"], counts["new"], counts["irreproducible"]) == (4, 0, 2, 0)
    computed.clear()
    found = reevaluate(brain_study(folder, "eye, ear, nose", "rsa, cka"))
    assert computed == ["align"], "by the new metric"
    assert [kind for kind, _ in kinds(found.told)] == ["new metric"]
    study = brain_study(folder, "eye, ear, nose", "rsa, cka")
    study.write_text(study.read_text().replace("permutations: 19", "permutations: 29"))
    found = reevaluate(study)
    assert kinds(found.told) == [("setting", "permutations")]
    assert found.told["counts"]["same inputs"] == 12, "no score rests on how often stimuli are permuted"
    assert not found.alarm


def test_another_version_computes_all_of_it_and_has_to_find_the_same(
    folder: Path, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = brain_study(folder)
    run(study)
    computed.clear()
    for module in (prepare, provenance):
        monkeypatch.setattr(module, "version", lambda name: "9.0")
    told = reevaluate(study).told
    assert computed == ["align"]
    assert kinds(told) == [("version", "Consilience")]
    assert (told["status"], told["counts"]["same inputs"], told["counts"]["tested"]) == ("no drift", 4, 0)


def test_a_single_subject_that_comes_out_differently_is_not_reproducible(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = brain_study(folder)
    run(study)
    inner = alignment.align

    def other(*args: Any, **more: Any) -> Any:
        table = inner(*args, **more)
        table["held_out"].loc[{"model": "ear", "region": "IT", "subject": "s3"}] += 3e-6
        return table

    monkeypatch.setattr(alignment, "align", other)
    found = reevaluate(study, fresh=True)
    assert found.alarm
    told = found.told
    assert (told["status"], told["fresh"], told["brought"]) == ("not reproducible", True, ["eye", "ear"])
    ((a, b, off),) = [(x["a"], x["b"], x["off"]) for x in told["irreproducible"]]
    assert (a, b) == ("ear", "IT")
    assert off == pytest.approx(3e-6, rel=1e-3), "though the mean of five moved by less than 1e-6"
    assert "by up to 3e-06" in " ".join(told["summary"])


def test_all_of_it_computed_afresh_comes_out_the_same_and_nothing_that_is_kept_is_touched(
    folder: Path, computed: list[str]
) -> None:
    study = brain_study(folder, more=ENCODE, tracking="sqlite:///runs.db")
    run(study)
    first = kept(folder / "out").entries()[0]
    before = {
        x: x.stat().st_mtime_ns
        for where in ("features", "out/.scores")
        for x in (folder / where).rglob("*")
        if x.is_file()
    }
    computed.clear()
    found = reevaluate(study, fresh=True)
    assert sorted(computed) == ["align"] + ["encode"] * 5
    told = found.told
    assert (told["status"], found.alarm, told["counts"]["same inputs"]) == ("no change", False, 8)
    assert told["furthest"] <= 1e-9
    assert (
        "Everything was computed anew; the features of eye, ear were taken as they are: 8 scores"
        in " ".join(told["summary"])
    )
    after = {x: x.stat().st_mtime_ns for x in before}
    assert after == before
    assert not (folder / "out" / ".fresh").exists()
    _, record = kept(folder / "out").entries()
    tags = record.record.tags
    assert tags["consilience.fresh"] == "true"
    assert tags["consilience.baseline"] == first.digest
    assert "consilience.scores" not in tags
    assert reevaluate(study).told["baseline"]["record"] == first.digest, "it is no run of the study"
    with pytest.raises(BadInput, match="--fresh or --promote"):
        reevaluate(study, fresh=True, promoted=True)


def test_what_has_no_error_is_not_tested_and_told(folder: Path) -> None:
    for subject in ("s1", "s2", "s3", "s4", "s5"):
        (folder / "mine" / f"{subject}.npz").unlink()

    def trials(noise: float) -> None:
        rng = np.random.default_rng(3)
        values = np.concatenate([SEEN + noise * rng.normal(size=SEEN.shape) for _ in range(3)])
        np.savez(folder / "mine" / "s1.npz", sample_id=np.array(IDS * 3), V1=values)

    trials(0.5)
    study = folder / "study.yaml"
    study.write_text(
        "name: mine\nbrain: arrays:mine\nreliability: {splits: 5, permutations: 19}\ntracking: null\n"
    )
    run(study)
    trials(3.0)
    told = reevaluate(study).told
    assert kinds(told) == [("recordings", "s1")]
    counts = told["counts"]
    assert (counts["tested"], counts["untested"], counts["drifted"]) == (3, 3, 0)
    assert counts["untested and moved"] == 3
    assert "3 scores moved by 0.01 or more and have no error to be tested by." in told["summary"]


def test_the_commands_take_a_study_of_brains(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    hook = "drift: {webhook: 'http://127.0.0.1:9/hush'}"
    brain_study(folder, tracking="sqlite:///runs.db", more=hook)
    code, out, _ = call("reevaluate", "study.yaml", "--promote")
    assert (code, "this one is the baseline of the next" in out) == (0, True)
    write_model(folder, "ear", share=0.2)
    code, out, _ = call("reevaluate", "study.yaml")
    assert (code, "Exit code 4: drift." in out) == (4, True)
    assert "Not delivered: the webhook did not take it" in out
    written = [x for x in (folder / "out").rglob("*") if x.is_file() and x != folder / "out" / "study.yaml"]
    assert not [x for x in written if b"hush" in x.read_bytes()], "nobody else may know the address"
    first, second, report = kept(folder / "out").entries()
    assert report.record.tags["consilience.baseline"] == first.digest
    assert report.record.tags["consilience.scores"] == second.digest
    assert first.sent is not None
    assert report.record.tags["consilience.baseline_run"] == first.sent.run_id
    assert call("reevaluate", "study.yaml", "--baseline", second.digest[:12])[0] == 0
    code, out, _ = call("runs", "study.yaml", first.digest[:10], second.digest[:10])
    assert (code, "ear in IT" in out, "ear: weights ear-1.0 → ear-0.2" in out) == (0, True, True)
    # As where the study was never run: from MLflow.
    elsewhere = compare_runs("sqlite:///runs.db", *(x.sent.run_id for x in (first, second) if x.sent))
    assert elsewhere["kind"] == "brains"
    assert elsewhere["pairs"] == compare_runs("out", first.digest, second.digest)["pairs"]
    assert call("reevaluate", "study.yaml", "--baseline", "zzz")[0] == 2
    with pytest.raises(BadInput, match="a study of models that was run"):
        write_site(folder / "out", folder / "zoo")
    assert call("report", "out", "--history")[0] == 0


def test_the_pages_show_models_in_regions(folder: Path, open_report: Any) -> None:
    study = brain_study(folder)
    run(study)
    write_model(folder, "ear", share=0.2)
    told = reevaluate(study).told
    page = open_report(folder / "out" / "drift.html", READY, viewport={"width": 390, "height": 800})
    assert page.problems == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("header .lead").text_content() == told["summary"][0]
    heads = page.locator("#moved table.pairs thead th").all_text_contents()
    assert heads[1:3] == ["Model", "Region"]
    found = page.evaluate("JSON.parse(document.getElementById('data').textContent).history")
    pairs = {(x["a"], x["b"]): x for x in found["metrics"][0]["pairs"]}
    assert pairs.keys() == {(m, r) for m in ("eye", "ear") for r in ("V1", "IT")}
    drifted = {(x["a"], x["b"]) for x in told["drifted"]}
    assert {k for k, x in pairs.items() if x["moved"]} == drifted
    one = next(iter(drifted))
    assert pairs[one]["moved"][0]["why"] == ["ear: weights ear-1.0 → ear-0.2"]
    assert pairs[one]["score"] == pytest.approx(
        [next(x[k] for x in told["drifted"] if (x["a"], x["b"]) == one) for k in ("before", "after")]
    )
    assert json.loads((folder / "out" / "drift.json").read_text()) == told
