"""A study over features that a user brought: run whole, run again, changed, cut short."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from consilience.engine.comparison import Comparison
from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore
from consilience.engine.profile import Profile
from consilience.engine.scores import open_scores
from consilience.pipelines.console import Console
from consilience.pipelines.runs.syncing import kept
from consilience.pipelines.studyfiles.located import StudyError
from consilience.pipelines.studyfiles.study import plan
from consilience.pipelines.zoo.run import run

N = 60
STUDY = """
name: toy
stimuli: toys
models: [eye, ear, blank]
metrics:
  - cka
  - {name: procrustes, layers: {every: 2}}
groups: 10
permutations: 5
tracking: null
"""
TRACKED = ("tracking: null", "tracking: sqlite:///runs.db")


def write_features(folder: Path) -> None:
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(N, 4))
    store = FeatureStore(folder / "features")
    ids = [f"s{i:02d}" for i in range(N)]
    for model, weight in (("eye", 1.0), ("ear", 1.0), ("blank", 0.0)):
        layers = {
            f"layer.{i}": (
                weight * latent @ rng.normal(size=(4, 6 + i)) + rng.normal(size=(N, 6 + i))
            ).astype("f4")
            for i in range(4)
        }
        modality = "text" if model == "ear" else "image"
        card = {
            "modality": modality,
            "weights_hash": f"{model}-hash",
            "objective": "random" if model == "blank" else "",
        }
        kept = slice(None) if model != "ear" else slice(0, N - 2)
        store.write(
            model, "toys", ids[kept], {k: v[kept] for k, v in layers.items()},
            meta={"card": card, "licence": "CC0", "citation": "a test"},
        )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_features(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def change(folder: Path, old: str, new: str) -> Path:
    path = folder / "study.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


class Counted:
    """Which metrics were really computed, by watching the engine at work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.ids: list[str] = []
        for kind in (Comparison, Profile):
            self._watch(monkeypatch, kind)

    def _watch(self, monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
        inner = kind.run

        def watched(work: Any, *args: Any, **kwargs: Any) -> xr.Dataset:
            self.ids += [x.id for x in work.requests]
            return inner(work, *args, **kwargs)

        monkeypatch.setattr(kind, "run", watched)

    def names(self) -> list[str]:
        names = [x.partition(":")[0] for x in self.ids]
        self.ids.clear()
        return names


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def test_a_run_leaves_everything_it_promises(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = run(folder / "study.yaml")
    out = folder / "out"
    for name in ("scores.nc", "scores.parquet", "report.html", "plan.json", "study.yaml", "run.json"):
        assert (out / name).stat().st_size > 0, name
    xr.testing.assert_identical(open_scores(out / "scores.nc"), scores)
    assert (out / "study.yaml").read_text() == STUDY
    assert scores.sizes == {"metric": 2, "a": 12, "b": 12}
    assert json.loads(scores.attrs["join"])["rows"] == N - 2
    assert [x["model"] for x in json.loads(scores.attrs["tables"])] == ["eye", "ear", "blank"]
    said = capsys.readouterr().out
    assert said.index("Plan of toy") < said.index("vision and language agree best")
    assert "With random weights" in said
    assert "eye: 2 samples left out" in said
    for sentence in json.loads(scores.attrs["summary"]):
        assert sentence in said


def test_a_metric_is_scored_on_the_layers_it_was_asked_for(folder: Path) -> None:
    scores = run(folder / "study.yaml")
    cka, procrustes = (scores["score"].isel(metric=i) for i in range(2))
    assert bool(cka.notnull().all())
    wanted = scores["layer_a"].isin(["layer.0", "layer.2", "layer.3"])
    there = procrustes.notnull().any("b")
    assert there.values.tolist() == wanted.values.tolist()
    assert json.loads(scores.attrs["layers"]) == {
        str(scores["metric"].values[0]): "all layers",
        str(scores["metric"].values[1]): "all layers, 1 in 2 and the last",
    }


def test_the_second_run_computes_nothing_and_a_new_metric_only_itself(
    folder: Path, computed: Counted
) -> None:
    first = run(folder / "study.yaml")
    assert computed.names() == ["cka", "procrustes"]
    xr.testing.assert_identical(run(folder / "study.yaml"), first)
    assert computed.names() == []

    second = run(change(folder, "  - cka\n", "  - cka\n  - mutual_knn\n"))
    assert computed.names() == ["mutual_knn"]
    assert [str(x).partition(":")[0] for x in second["metric"].values] == ["cka", "mutual_knn", "procrustes"]
    for name in first.data_vars:
        if name != "q":  # corrected over the whole table, which has grown
            np.testing.assert_array_equal(second[name].sel(metric=first["metric"]), first[name])
    assert (second["q"] >= second["p"]).where(np.isfinite(second["q"]), True).all()
    assert set(json.loads(second.attrs["metrics"])) == {str(x) for x in second["metric"].values}

    run(change(folder, "permutations: 5", "permutations: 6"))
    assert sorted(computed.names()) == ["cka", "mutual_knn", "procrustes"], (
        "every setting that changes a value counts"
    )
    run(change(folder, "groups: 10", "budget: 4GB\ngroups: 10"))
    assert computed.names() == [], "the budget changes no value"


def test_a_study_is_the_same_wherever_it_is_computed(folder: Path, computed: Counted) -> None:
    there = run(change(folder, "groups: 10", "executor: distributed\ngroups: 10"))
    assert computed.names() == ["cka", "procrustes"]
    xr.testing.assert_identical(run(change(folder, "executor: distributed", "executor: threads")), there)
    assert computed.names() == []
    here = run(change(folder, "executor: threads", "output: other"))
    assert computed.names() == ["cka", "procrustes"]
    for name in ("score", "se", "p"):
        np.testing.assert_allclose(there[name], here[name], rtol=0, atol=1e-6)


PROFILED = ("  - cka\n", "  - uniformity\n  - cka\n  - {name: participation_ratio, layers: {every: 3}}\n")


def test_metrics_of_one_representation_stand_in_a_profile_beside_the_scores(
    folder: Path, computed: Counted, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = run(change(folder, *PROFILED))
    assert computed.names() == ["cka", "procrustes", "uniformity", "participation_ratio"]
    assert [str(x).partition(":")[0] for x in scores["metric"].values] == ["cka", "procrustes"]
    profile = open_scores(folder / "out" / "profile.nc")
    assert list(profile["metric"].values) == ["uniformity", "participation_ratio"]
    assert list(profile["a"].values) == list(scores["a"].values)
    assert bool(np.isfinite(profile["score"][0]).all())
    asked = profile["layer_a"].isin(["layer.0", "layer.3"])
    assert profile["score"][1].notnull().values.tolist() == asked.values.tolist()
    assert (profile["n"][0] == N - 2).all()
    assert json.loads(profile.attrs["join"]) == {"rows": N - 2, "dropped": {"eye": 2, "blank": 2}}
    assert json.loads(scores.attrs["layers"])["participation_ratio"] == "all layers, 1 in 3 and the last"
    assert 'id="traits"' in (folder / "out" / "report.html").read_text()
    said = capsys.readouterr().out
    assert "Profile of 12 representations by uniformity" in said
    assert "profile" in json.loads(scores.attrs["elapsed"])


def test_a_profile_is_computed_once_and_goes_when_the_study_does_without(
    folder: Path, computed: Counted
) -> None:
    run(change(folder, *PROFILED))
    first = open_scores(folder / "out" / "profile.nc")
    computed.names()
    run(folder / "study.yaml")
    assert computed.names() == []

    run(change(folder, "  - uniformity\n", "  - uniformity\n  - magnitude\n"))
    assert computed.names() == ["magnitude"]
    second = open_scores(folder / "out" / "profile.nc")
    xr.testing.assert_equal(second.sel(metric=first["metric"]), first)

    run(change(folder, "permutations: 5", "permutations: 6"))
    assert computed.names() == ["cka", "procrustes"], "a profile has no null"
    run(change(folder, "groups: 10", "groups: 5"))
    assert sorted(computed.names()) == ["cka", "magnitude", "participation_ratio", "procrustes", "uniformity"]

    (folder / "out" / "profile.nc").unlink()
    run(folder / "study.yaml")
    assert computed.names() == []
    assert (folder / "out" / "profile.nc").is_file()

    run(change(folder, "  - uniformity\n  - magnitude\n", ""))
    assert (folder / "out" / "profile.nc").is_file()
    run(change(folder, "  - {name: participation_ratio, layers: {every: 3}}\n", ""))
    assert not (folder / "out" / "profile.nc").exists()


def test_the_plan_counts_profiles(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = plan(change(folder, *PROFILED))
    assert [x.representations for x in made.profiles] == [12, 6]
    assert [x["metrics"] for x in made.rows()["profiles"]] == [("uniformity",), ("participation_ratio",)]
    assert made.memory >= made.profiles[0].plan.memory > 0
    made.show(Console())
    assert "Profile of 6 representations by participation_ratio" in capsys.readouterr().out
    run(folder / "study.yaml")
    assert plan(folder / "study.yaml").profiles == ()


def test_other_features_are_other_scores(folder: Path, computed: Counted) -> None:
    run(folder / "study.yaml")
    computed.names()
    x = np.random.default_rng(5).normal(size=(N, 5))
    FeatureStore(folder / "features").write("eye", "toys", [f"s{i:02d}" for i in range(N)], {"layer.0": x})
    scores = run(folder / "study.yaml")
    assert computed.names() == ["cka", "procrustes"]
    assert scores.sizes["a"] == 9


def test_cut_short_the_same_command_goes_on(
    folder: Path, computed: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    from consilience.pipelines.zoo import segments

    add = segments.add

    def cut(*args: Any) -> None:
        add(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as cutting:
        cutting.setattr(segments, "add", cut)
        with pytest.raises(KeyboardInterrupt):
            run(folder / "study.yaml")
    assert computed.names() == ["cka"]
    assert not (folder / "out" / "run.json").exists()
    run(folder / "study.yaml")
    assert computed.names() == ["procrustes"]


def test_a_lost_report_is_drawn_again_without_computing_or_tracking_anew(
    folder: Path, computed: Counted
) -> None:
    run(change(folder, *TRACKED))
    before = kept(folder / "out").entries()
    assert before[0].sent is not None
    (folder / "out" / "report.html").unlink()
    computed.names()
    run(folder / "study.yaml")
    assert computed.names() == []
    assert before[0].sent.run_id in (folder / "out" / "report.html").read_text()
    assert [x.folder for x in kept(folder / "out").entries()] == [before[0].folder]


def test_nothing_heavy_is_imported_when_nothing_is_to_do(folder: Path) -> None:
    run(folder / "study.yaml")
    code = f"""
import sys
import consilience
consilience.run({str(folder / "study.yaml")!r})
print([x for x in ("torch", "ray", "mlflow", "transformers", "plotly") if x in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Nothing is new" in done.stdout


def test_steps_come_before_every_metric_and_other_steps_are_other_scores(
    folder: Path, computed: Counted
) -> None:
    from consilience.engine.comparison import compare

    plain = run(folder / "study.yaml")
    computed.names()
    steps = "preprocess: [clip, {name: random_projection, components: 4}]\n"
    scores = run(change(folder, "metrics:", steps + "metrics:"))
    assert computed.names() == ["cka", "procrustes"]
    store = FeatureStore(folder / "features")
    tables = [store.open(x, "toys") for x in ("eye", "ear", "blank")]
    want = compare(
        tables,
        metrics=["cka"],
        groups=10,
        preprocess=["clip", "random_projection:components=4"],
        permutations=5,
    )
    computed.names()
    np.testing.assert_allclose(scores["score"][0], want["score"][0], atol=1e-12)
    assert abs(scores["score"][0] - plain["score"][0]).max() > 0.01
    assert json.loads(scores.attrs["preprocess"]) == json.loads(want.attrs["preprocess"])
    assert set(json.loads(scores.attrs["preprocess"])) == set(scores["a"].values)
    page = (folder / "out" / "report.html").read_text()
    for words in (
        "Preprocessing of eye, ear, blank",
        "1. Outliers clipped",
        "<dt>largest error</dt>",
        "Achlioptas 2003",
    ):
        assert words in page, words

    run(folder / "study.yaml")
    assert computed.names() == []
    run(change(folder, "components: 4", "components: 5"))
    assert computed.names() == ["cka", "procrustes"]
    run(change(folder, "components: 5", "components: 4"))
    assert computed.names() == [], "the scores of these steps are there still"
    run(change(folder, "[eye,", "[{name: eye, preprocess: [clip]},"))
    assert computed.names() == ["cka", "procrustes"], "the steps of one model count, too"
    last = run(change(folder, "preprocess: [clip]}", "preprocess: []}"))
    assert computed.names() == ["cka", "procrustes"]
    assert not any(x.startswith("eye/") for x in json.loads(last.attrs["preprocess"]))
    assert re.search(r"Preprocessing of eye</h3>\s*<p>None", (folder / "out" / "report.html").read_text())


def test_a_plan_tells_of_the_passes_that_fit_the_steps(folder: Path) -> None:
    plain = plan(folder / "study.yaml").comparisons[0].plan
    made = (
        plan(change(folder, "metrics:", "preprocess: ['clip:quantile=exact', l2]\nmetrics:"))
        .comparisons[0]
        .plan
    )
    features = 3 * 4 * (N - 2) * (6 + 7 + 8 + 9)
    first, *others = made.steps
    assert (first.name, first.bytes) == ("preprocessing", (2 + 1 + 1) * features)
    assert [x.name for x in others] == [x.name for x in plain.steps]
    assert made.memory > plain.memory
    assert made.seconds > plain.seconds
    narrow = plan(change(folder, "'clip:quantile=exact', l2", "'random_projection:components=2'"))
    # All units are read, whatever is left: in float32, as they are stored, and not as so few samples are computed.
    assert 2 * narrow.comparisons[0].plan.steps[1].bytes == plain.steps[0].bytes


def test_one_side_against_the_other(folder: Path) -> None:
    scores = run(change(folder, "groups: 10", "groups: 10\npairs: {a: eye, b: [ear, blank/layer.1]}"))
    assert set(scores["model_a"].values) == {"eye"}
    assert list(scores["b"].values) == [*(f"ear/layer.{i}" for i in range(4)), "blank/layer.1"]


def test_a_plan_computes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = plan(folder / "study.yaml")
    assert [x.state for x in made.features] == ["in the store"] * 3
    assert [x.representations for x in made.comparisons] == [12, 9]
    assert made.memory > 0
    assert json.loads(json.dumps(made.rows()))["study"] == "toy"
    made.show(Console())
    assert "peak memory" in capsys.readouterr().out
    assert not (folder / "out").exists()


def test_stimuli_that_nobody_knows_are_told_where_the_study_names_them(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("name: s\nstimuli: openmojj\nmodels: [minilm]\nmetrics: [cka]\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"line 2, key stimuli: .* did you mean 'openmoji'"):
        plan(study)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[eye,", "[eyr,", "line 4, key models[0]"),
        ("[eye,", "[{name: eye, layers: 'block*'},", "a known layer (layer.0,"),
        ("  - cka", "  - ckaa", "line 6, key metrics[0]: expected a known metric"),
        ("  - cka", "  - {name: cka, kernl: rbf}", "did you mean 'kernel'?"),
        (
            "  - cka\n  - {name: procrustes, layers: {every: 2}}",
            "  - uniformity",
            "key metrics: expected at least one",
        ),
        ("  - cka", "  - cka\n  - {name: uniformity, layers: 'block*'}", "line 7, key metrics[1].layers"),
        ("  - cka", "  - procrustes", "line 7, key metrics[1]: expected each metric once"),
        ("{every: 2}", "'block*'", "line 7, key metrics[1].layers"),
        ("stimuli: toys", "stimuli: toyz", "line 4, key models[0]"),
        ("groups: 10", "pairs: {a: nobody, b: eye}", "line 8, key pairs.a"),
        (
            "metrics:",
            "preprocess:\n- l2\n- clp\nmetrics:",
            "line 7, key preprocess[1]: expected a known preprocess",
        ),
        (
            "metrics:",
            "preprocess: [{name: pca, varience: 1}]\nmetrics:",
            "line 5, key preprocess[0]: expected a known par",
        ),
        (
            "metrics:",
            "preprocess: ['pca:components=7']\nmetrics:",
            "key preprocess: expected components of pca at most 6",
        ),
        ("metrics:", "preprocess: [random_projection]\nmetrics:", "saves nothing"),
        ("[eye,", "[{name: eye, preprocess: [clp]},", "line 4, key models[0].preprocess[0]"),
        (
            "[eye,",
            "[{name: eye, preprocess: ['pca:components=70']},",
            "line 4, key models[0].preprocess: expected comp",
        ),
        ("groups: 10", "precision: quick", "line 8, key precision"),
        ("tracking: null", "tracking: mlruns", "line 10, key tracking"),
        (
            "metrics:",
            "budget: 1kB\nmetrics:\n  - rsa",
            "key budget: expected a tile pass within the budget of 1.0 kB",
        ),
        (
            "metrics:",
            "budget: 1kB\nmetrics:\n  - uniformity",
            "key budget: expected a profile within the budget of 1.0 kB",
        ),
        ("groups: 10", "executor: cluster", "line 8, key executor: expected a known executor (distributed"),
        ("groups: 10", "drift: {q: 2}", "line 8, key drift.q: expected less than or equal to 1"),
        (
            "groups: 10",
            "drift: {webhook: host/x}",
            "key drift.webhook: expected http://…, https://… or env:NAME",
        ),
        ("groups: 10", "drift: {chnge: 1}", "did you mean 'change'?"),
        ("[eye,", "['x*',", "line 4, key models[0]: expected a model that fits 'x*'; got none"),
        ("[eye,", "['e*', {name: blank, layers: no}, ", "key models[1]"),
        (
            "tracking: null",
            "tracking: 'http://me:hush@h'",
            "key tracking: expected a tracking address without",
        ),
    ],
)
def test_a_mistake_is_refused_before_any_compute(
    folder: Path, computed: Counted, old: str, new: str, says: str
) -> None:
    with pytest.raises(BadInput) as caught:
        run(change(folder, old, new))
    assert says in str(caught.value)
    assert "Fix: " in str(caught.value)
    assert computed.names() == []


def test_an_output_that_cannot_be_written_is_refused(folder: Path) -> None:
    (folder / "out").write_text("a file, not a folder")
    with pytest.raises(BadInput, match="an output folder that can be written"):
        run(folder / "study.yaml")


def test_a_study_without_a_file_runs_too(folder: Path) -> None:
    from consilience.pipelines.studyfiles.study import parse_study

    scores = run(parse_study(STUDY, folder / "unsaved.yaml"))
    assert scores.attrs["study"] == "toy"
    assert not (folder / "runs.db").exists()


def test_the_place_of_a_mistake_survives(folder: Path) -> None:
    with pytest.raises(StudyError) as caught:
        run(change(folder, "[eye,", "[eyr,"))
    assert caught.value.where == "study.yaml, line 4, key models[0]"
