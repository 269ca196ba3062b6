"""A question in a study: validated, refused before any compute, answered at the end, kept in the table and drawn."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consilience.connectors.stimuli import open_stimuli
from consilience.engine.features import FeatureStore
from consilience.engine.scores import open_scores
from consilience.pipelines.studyfiles.located import StudyError
from consilience.pipelines.studyfiles.second import second
from consilience.pipelines.studyfiles.study import load_study, parse_study
from consilience.pipelines.zoo.prepare import prepare
from consilience.pipelines.zoo.run import run

N, LEAST = 80, "name: x\nstimuli: s\nmodels: [m]\nmetrics: [cka]\n"
STUDY = """
name: toy
stimuli: {stimuli}
models: [eye1, eye2, eye3, blank, ear, pen]
metrics: {metrics}
groups: 10
permutations: 3
tracking: null
{more}
"""
CARDS = {
    "eye1": ("image", "Eye", 1e6, "image classification"), "eye2": ("image", "Eye", 1e7, "image classification"),
    "eye3": ("image", "Eye", 1e8, "masked"), "blank": ("image", "Eye", 1e6, "none (random weights)"),
    "ear": ("text", "Ear", 1e8, "next-token prediction"), "pen": ("text", "Pen", 1e8, "masked language model"),
}  # fmt: skip


def write(folder: Path, stimuli: str, seed: int) -> None:
    """Models of which the deeper layers hold more of what all see."""
    rng = np.random.default_rng(seed)
    seen = rng.normal(size=(N, 3))
    for k, (model, (modality, lineage, size, objective)) in enumerate(CARDS.items()):
        mine = np.random.default_rng(k)
        layers = {}
        for i in range(3):
            share = 0.0 if model == "blank" else 0.4 * (i + 1)
            x = share * seen @ mine.normal(size=(3, 5)) + rng.normal(size=(N, 5))
            layers[f"layer.{i}"] = x.astype("f4")
        card = {"modality": modality, "lineage": lineage, "parameters": size, "objective": objective}
        ids = [f"{stimuli}{i:02d}" for i in range(N)]
        FeatureStore(folder / "features").write(model, stimuli, ids, layers, meta={"card": card})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    for seed, stimuli in enumerate(("cats", "dogs")):
        write(folder, stimuli, seed)
    kinds = "".join(f"cats{i:02d},{'ab'[i % 2]}\n" for i in range(N))
    (folder / "kinds.csv").write_text("sample_id,label\n" + kinds)
    return folder


def asked(folder: Path, question: str, metrics: str = "[cka]", more: str = "") -> Path:
    path = folder / f"{question.strip('{').split(',')[0].removeprefix('name: ')}.yaml"
    more = f"question: {question}\noutput: out-{path.stem}\n{more}"
    path.write_text(STUDY.format(stimuli="cats", metrics=metrics, more=more))
    return path


ANSWERS = {
    "layers": ("[cka, mutual_knn]", "", "the sweet spot of vision and language lies at 0."),
    "scale": ("[cka]", "", "the score of Eye with language"),
    "stitching": (
        "[{name: stitch, report: recall_1}, {name: stitch, report: class}]", "labels: kinds.csv",
        "held-out items mapped from eye",
    ),
    "depth": ("[cka]", "", "the agreement with language grows over the depth of the vision models"),
    "{name: objectives, stimuli: dogs}": ("[cka]", "", "models of one objective"),
}  # fmt: skip


@pytest.mark.parametrize("question", ANSWERS)
def test_a_run_answers_in_words_in_its_table_and_in_its_report(
    folder: Path, question: str, capsys: pytest.CaptureFixture[str], open_report: Any
) -> None:
    metrics, more, said = ANSWERS[question]
    path = asked(folder, question, metrics, more)
    scores = run(path)
    answer = json.loads(scores.attrs["answer"])
    assert answer["question"] in question
    assert said in answer["sentences"][0]
    assert answer["rows"]
    out = capsys.readouterr().out
    for sentence in answer["sentences"]:
        assert sentence in out
    assert json.loads(scores.attrs["summary"])[0] == answer["sentences"][0]
    output = path.with_name(f"out-{path.stem}")
    assert open_scores(output / "scores.nc").attrs["answer"] == scores.attrs["answer"]
    if "dogs" in question:
        assert (output / "beside" / "scores.nc").is_file()
        assert {r[0] for r in answer["rows"]} == {"cats", "dogs"}
        assert "on cats and dogs to a rank correlation of" in answer["sentences"][-1]
    page = open_report(output / "report.html", viewport={"width": 390, "height": 800})
    assert page.problems == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("#answer h2").text_content() == answer["title"]
    assert page.locator("#answer .plot svg.main-svg").count() >= len(answer["charts"]) > 0
    assert page.locator("#answer-table tbody tr").count() == len(answer["rows"])
    run(path)
    assert "Nothing is new since the last run" in capsys.readouterr().out


def test_what_was_found_is_true_of_the_features(folder: Path) -> None:
    """Deeper layers share more, and those of the network with random weights share nothing."""
    scores = run(asked(folder, "depth"))
    answer = json.loads(scores.attrs["answer"])
    rows = [dict(zip(answer["header"], r)) for r in answer["rows"]]
    assert all(float(r["Slope"].replace("−", "-")) > 0 for r in rows)
    twin = next(r for r in rows if r["Models"] == "eye1 and ear" and r["Over the depth of"] == "eye1")
    assert abs(float(twin["Random twin"].replace("−", "-"))) < float(twin["Slope"])


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("question: scal", "one of 'layers', 'scale'"),
        ("question: {name: depth, stimulus: x}", "did you mean 'stimuli'?"),
        ("question: {stimuli: x}", "add `name:`"), ("question: 3", "a name, or a mapping with name and stimuli"),
    ],
)  # fmt: skip
def test_a_question_that_is_none_is_answered_with_its_line(question: str, says: str) -> None:
    with pytest.raises(StudyError) as caught:
        parse_study(LEAST + question, Path("/somewhere/my.yaml"))
    assert "line 5, key question" in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("models", "metrics", "question", "says"),
    [
        ("[eye1, eye2]", "[cka]", "layers", "two modalities for the question layers; got vision"),
        ("[eye1, blank]", "[cka]", "depth", "two modalities"),
        ("[eye1, eye2, blank, ear]", "[cka]", "scale", "3 sizes of one lineage .* got Eye: 2, Ear: 1"),
        ("[eye1, ear]", "[cka, stitch]", "stitching", "a stitch that finds something"),
        ("[eye1, eye2]", "[cka]", "objectives", "two objectives .* got supervised"),
        ("[eye1, ear]", "[cka]", "{name: layers, stimuli: dogs}", "the question objectives alone; got it with layers"),
        ("[eye1, ear]", "[cka]", "{name: objectives, stimuli: cats}", "another stimulus set than that of the study"),
    ],
)  # fmt: skip
def test_what_these_models_cannot_answer_is_refused_before_any_compute(
    folder: Path, models: str, metrics: str, question: str, says: str
) -> None:
    path = folder / "bad.yaml"
    text = STUDY.replace("[eye1, eye2, eye3, blank, ear, pen]", models)
    path.write_text(text.format(stimuli="cats", metrics=metrics, more=f"question: {question}"))
    with pytest.raises(StudyError, match=says) as caught:
        prepare(load_study(path)).plan()
    assert "line 9, key question" in str(caught.value)


def test_a_question_that_was_left_without_pairs_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = 'pairs: {a: "eye*", b: "eye*"}'
    said = json.loads(run(asked(folder, "layers", more=pairs)).attrs["answer"])["sentences"]
    assert said == [
        "There is no answer: no trained models of two modalities were compared; see `pairs:` of the study."
    ]
    monkeypatch.setattr("consilience.pipelines.zoo.comparing.MOST_LEFT_OUT", 0)
    path = asked(folder, "depth", more="seed: 3")
    assert (
        "scores without each row group are not kept" in json.loads(run(path).attrs["answer"])["sentences"][0]
    )


def test_a_second_set_is_shown_to_all_models_in_their_own_way(tmp_path: Path) -> None:
    text = (
        LEAST.replace("[m]", '[m, {name: n, stimuli: "spoken:s"}]')
        + "question: {name: objectives, stimuli: t}"
    )
    other = second(parse_study(text, tmp_path / "my.yaml"))
    assert other is not None
    assert (other.stimuli, [x.on(other.stimuli) for x in other.models]) == ("t", ["t", "spoken:t"])
    assert other.path(other.output) == tmp_path / "out" / "beside"
    assert other.question is None
    with pytest.raises(StudyError, match=r"key models\[1\]\.stimuli: expected a set made of s.*got 'u'"):
        second(parse_study(text.replace("spoken:s", "u"), tmp_path / "my.yaml"))


def test_labels_may_be_those_of_the_stimuli(folder: Path, tmp_path: Path) -> None:
    labels = open_stimuli("openmoji:activities,flags").labels()  # type: ignore[attr-defined]
    assert set(labels.values()) == {"activities", "flags"}
    assert (labels["26BD"], len(labels)) == ("activities", 81)
    with pytest.raises(ValueError, match="did you mean 'activities'"):
        open_stimuli("openmoji:activites")
    path = folder / "own.yaml"
    path.write_text(STUDY.format(stimuli="cats", metrics="[cka]", more="labels: stimuli"))
    with pytest.raises(StudyError):
        prepare(load_study(path))
    path.write_text(LEAST.replace("stimuli: s", "stimuli: text:words.txt") + "labels: stimuli")
    (folder / "words.txt").write_text("a\tcat\nb\tdog\n")
    with pytest.raises(StudyError):
        prepare(load_study(path))
