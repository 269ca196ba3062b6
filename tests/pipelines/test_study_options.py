"""Keys of a study that change how metrics are computed: labels, until_se, precision."""

import io
import json

import numpy as np
import pytest

import consilience as cs
from consilience.connectors import files
from consilience.engine.comparison import Comparison
from consilience.engine.machine import Speed
from consilience.pipelines.console import Console
from consilience.pipelines.runs.recording import part_of
from consilience.pipelines.seats import extract_missing
from consilience.pipelines.studyfiles.located import StudyError
from consilience.pipelines.studyfiles.study import parse_study
from consilience.pipelines.zoo.planning import study_plan
from consilience.pipelines.zoo.prepare import prepare

STUDY = """
name: s
stimuli: toys
models: [a, b]
metrics: {metrics}
permutations: 2
tracking: null
{more}
"""


@pytest.fixture
def folder(tmp_path):
    """Two models' tables on 60 samples, and the labels of those."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(60, 3))
    store, ids = cs.FeatureStore(tmp_path / "features"), [f"s{i}" for i in range(60)]
    for model, d in (("a", 5), ("b", 7)):
        store.write(model, "toys", ids, {"l": shared @ rng.normal(size=(3, d)) + rng.normal(size=(60, d))})
    lines = [f"s{i},{'cat' if i % 3 else 'dog'}" for i in reversed(range(60))]
    (tmp_path / "labels.csv").write_text("\n".join(["sample_id,label", *lines]))
    return tmp_path


def study(folder, metrics, more=""):
    return parse_study(STUDY.format(metrics=metrics, more=more), folder / "study.yaml")


@pytest.mark.usefixtures("ray_local")
def test_a_model_of_a_study_is_computed_in_the_type_that_it_asks_for(tmp_path):
    (tmp_path / "texts.txt").write_text("a dog\na cat\na bird")
    text = (
        f"name: s\nstimuli: text:{tmp_path / 'texts.txt'}\nmodels: [{{name: minilm, autocast: TYPE}}]\n"
        "metrics: [cka]\ntracking: null\n"
    )
    read, cast, _ = (
        prepare(parse_study(text.replace("TYPE", x), tmp_path / "study.yaml"))
        for x in ("null", "bfloat16", "float16")
    )
    assert read.seats[0].digest != cast.seats[0].digest
    store = cs.FeatureStore(tmp_path / "features")
    (seat,) = extract_missing(cast.seats, store, Console(io.StringIO()))
    assert seat.table is not None
    assert seat.table.digest == cast.seats[0].digest
    assert seat.table.manifest["spec"]["autocast"] == "bfloat16"
    assert part_of(seat, {}).params["autocast"] == "bfloat16"
    narrow = prepare(
        parse_study(text.replace("autocast: TYPE", "project: 9"), tmp_path / "study.yaml")
    ).seats[0]
    assert narrow.digest != read.seats[0].digest
    assert {*narrow.layers.values()} == {9}
    with pytest.raises(StudyError, match=r"study.yaml, line 3.*project.*0"):
        parse_study(text.replace("autocast: TYPE", "project: 0"), tmp_path / "study.yaml")
    with pytest.raises(StudyError, match=r"study.yaml, line 3.*autocast.*float8"):
        parse_study(text.replace("TYPE", "float8"), tmp_path / "study.yaml")


def test_how_a_model_of_a_study_is_computed_names_its_table_and_on_what_does_not(tmp_path):
    (tmp_path / "texts.txt").write_text("a dog\na cat\na bird")

    def read(more):
        text = f"name: s\nstimuli: text:{tmp_path / 'texts.txt'}\nmodels: [{{name: minilm{more}}}]\nmetrics: [cka]\n"
        prepared = prepare(parse_study(text, tmp_path / "study.yaml"))
        return prepared.seats[0].digest, prepared.fingerprint()

    plain = read("")
    assert read(", gpus: 2, device_map: auto") == plain
    found = read(", batch: auto, memory: 4GB")
    assert found == read(", batch: auto, memory: 8000000000")
    others = [read(x) for x in (", batch: 8", ", quantize: 8bit", ", quantize: 4bit", ", compile: true")]
    assert len({plain[0], found[0], *(x[0] for x in others)}) == 6
    for more, message in (
        (", batch: auto", "`memory` beside batch 'auto'"),
        (", batch: some", r"line 3.*batch.*'auto'"),
        (", batch: auto, memory: much", "line 3.*a size such as 8GB"),
        (", gpus: 0", "line 3.*gpus.*greater than 0"),
        (", device_map: balanced", "line 3.*device_map"),
    ):
        with pytest.raises(StudyError, match=message):
            read(more)


def test_class_conditional_metrics_take_labels_from_a_file(folder):
    metrics = "[cka, {name: cka, by: label}, probe]"
    scores = cs.run(study(folder, metrics, "labels: labels.csv"))
    probe = cs.open_scores(folder / "out" / "profile.nc")
    assert 0 < float(probe["score"].sel(a="a/l").squeeze()) < 1
    conditional, plain = (
        "cka:by=label,estimator=unbiased,kernel=linear",
        "cka:estimator=unbiased,kernel=linear",
    )
    one = scores["score"].sel(a="a/l", b="b/l")
    assert float(one.sel(metric=conditional)) != float(one.sel(metric=plain))
    notes = json.loads(scores.attrs["notes"])[conditional]
    assert notes == {"classes": 2, "classes with too few samples": {}}
    plan = cs.plan(study(folder, metrics, "labels: labels.csv\noutput: other"))
    assert [s.name for s in plan.comparisons[0].plan.steps] == ["moments", "classes"]
    # Other labels are another score.
    text = (folder / "labels.csv").read_text().replace("s1,cat", "s1,dog")
    (folder / "labels.csv").write_text(text)
    again = cs.run(study(folder, metrics, "labels: labels.csv"))["score"].sel(a="a/l", b="b/l")
    assert float(again.sel(metric=conditional)) != float(one.sel(metric=conditional))
    assert float(again.sel(metric=plain)) == float(one.sel(metric=plain))


@pytest.mark.parametrize(
    ("metrics", "more", "message"),
    [
        ("[{name: cka, by: label}]", "", r"metrics\[0\].*labels for 'cka:by=label.*add `labels:`"),
        ("[cka, probe]", "", r"metrics\[1\].*labels for 'probe.*add `labels:`"),
        ("[cka]", "labels: none.csv", "labels: .*none.csv, which does not exist"),
        ("[cka]", "labels: wrong.csv", "columns sample_id and label in wrong.csv; got sample_id, kind"),
        ("[cka]", "labels: twice.csv", "every sample_id once in twice.csv; got 's1' again"),
        ("[cka, svcca]", "until_se: 0.01", r"metrics\[1\].*estimate without bias"),
        ("[cka]", "until_se: 0", "greater than 0"),
        ("[cka]", "precision: bf16", "precision: .*'exact', 'fast' or 'auto'"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_compute(folder, metrics, more, message):
    (folder / "wrong.csv").write_text("sample_id,kind\ns1,1\n")
    (folder / "twice.csv").write_text("sample_id,label\ns1,1\ns1,2\n")
    with pytest.raises(StudyError, match=message):
        cs.run(study(folder, metrics, more))


def test_precision_and_until_se_reach_the_comparison(folder):
    scores = cs.run(study(folder, "[cka, mutual_knn]", "precision: fast\nuntil_se: 0.05"))
    note = json.loads(scores.attrs["notes"])["cka:estimator=unbiased,kernel=linear"]["precision"]
    assert note.startswith("exact: ")
    steps = (
        cs.plan(study(folder, "[cka, mutual_knn]", "until_se: 0.05\noutput: other")).comparisons[0].plan.steps
    )
    assert [s.name for s in steps] == ["tiles"]  # so few samples are compared pair by pair


@pytest.mark.parametrize(
    ("n", "dtypes", "metrics", "more"),
    [
        (1500, ("f4", "f4"), "[cka, mutual_knn]", ""),
        (1500, ("f4", "f4"), "[cka, mutual_knn, svcca]", "precision: fast"),
        (1500, ("f4", "f8"), "[rsa, mutual_knn]", ""),
        (1500, ("f2", "f2"), "[rsa]", "preprocess: [l2]"),
        (800, ("f4", "f4"), "[rsa, mutual_knn]", "precision: auto"),
        (800, ("f4", "f4"), "[stitch, {name: cka, by: label}]", "labels: classes.csv\nnull: false"),
        (11000, ("f4", "f4"), "[cka]", "until_se: 0.05"),
    ],
)
def test_a_study_plans_what_its_comparison_does(tmp_path, monkeypatch, n, dtypes, metrics, more):
    rng = np.random.default_rng(0)
    store, ids = cs.FeatureStore(tmp_path / "features"), [f"s{i:05d}" for i in range(n)]
    for model, dtype in zip("ba", dtypes):
        layers = {f"l{d}": rng.normal(size=(n, d)).astype(dtype) for d in (6, 9)}
        store.write(model, "toys", ids, layers)
    # Of labels that the samples do not have nothing is counted.
    lines = [f"{name},{i % 3}" for i, name in enumerate([*ids, "other", "another"])]
    (tmp_path / "classes.csv").write_text("\n".join(["sample_id,label", *lines]))
    speed = Speed(3e11, 1e11, 1e10, 3)
    done = []

    def planned(self):
        done.append(self.plan(speed))
        raise KeyboardInterrupt

    prepared = prepare(study(tmp_path, metrics, more))
    (said,) = study_plan(prepared, speed).comparisons
    monkeypatch.setattr(Comparison, "run", lambda self, progress: planned(self))
    with pytest.raises(KeyboardInterrupt):
        cs.run(study(tmp_path, metrics, more))
    assert said.plan == done[0]


def test_a_model_is_shown_stimuli_of_its_own_and_left_out_where_they_are_not_installed(tmp_path, monkeypatch):
    text = """
name: s
stimuli: openmoji
models: [minilm, {name: resemblyzer, stimuli: "spoken:openmoji"}]
metrics: [cka]
tracking: null
"""
    prepared = prepare(parse_study(text, tmp_path / "study.yaml"))
    read, heard = prepared.seats
    assert (read.spec["stimuli"]["name"], heard.spec["stimuli"]["name"]) == ("openmoji", "openmoji-spoken")
    assert list(read.sample_ids) == list(heard.sample_ids)
    real = files.find_spec
    monkeypatch.setattr(files, "find_spec", lambda name: None if name == "espeakng_loader" else real(name))
    silent = prepare(parse_study(text, tmp_path / "study.yaml"))
    assert [seat.name for seat in silent.seats] == ["minilm"]
    assert "pip install --no-deps espeakng-loader" in silent.left_out["resemblyzer"]
