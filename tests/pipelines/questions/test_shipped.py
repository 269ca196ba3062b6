"""The studies that come with the package: run by their names, and each of them one that its models can answer."""

import json
import re
from pathlib import Path

import pytest
from called import Call

from consilience.engine.errors import BadInput
from consilience.engine.scores import open_scores
from consilience.pipelines import cli
from consilience.pipelines.questions.asked import check
from consilience.pipelines.studyfiles.shipped import BRAINS, line, names, studies, study_file, text
from consilience.pipelines.studyfiles.study import load_study
from consilience.pipelines.zoo.prepare import prepare

SHIPPED = {
    "layer-scan": "layers", "scale-ablation": "scale", "stitching": "stitching", "objectives": "objectives",
    "depth": "depth",
}  # fmt: skip


def test_they_are_listed_with_a_line_each_and_how_to_run_them(call: Call) -> None:
    assert set(names()) == set(SHIPPED)
    assert set(studies()) == {*SHIPPED, *names(BRAINS)} == {*SHIPPED, "alice", "brain92", "haxby"}
    code, out, _ = call("list", "studies")
    assert code == 0
    listed = dict(re.findall(r"^(\S+) +(.+)$", out, re.M))
    assert listed["depth"].startswith("do vision, language and speech come closer")
    assert listed["depth"].endswith("(consilience run depth)")
    assert listed["alice"].startswith("a chapter of Alice in Wonderland")
    assert all(len(x) > 40 for x in listed.values())


def test_the_line_is_the_first_sentence_of_the_comment() -> None:
    assert line("# `consilience run x`: what\n# it is. More.\nname: x") == "what it is"
    assert line("# What it is\nname: x") == "What it is"


@pytest.mark.parametrize("name", SHIPPED)
def test_each_can_be_answered_by_its_models_and_shares_the_features_of_the_demo(
    name: str, tmp_path: Path
) -> None:
    path, edited = study_file(name, tmp_path / name)
    assert (path.read_text(), edited) == (text(name), False)
    study = load_study(path)
    assert study.question is not None
    assert (study.name, study.question.name) == (name, SHIPPED[name])
    assert study.path(study.store) == tmp_path / "consilience-demo" / "features"
    assert study.path(study.output) == tmp_path / name
    assert "hf:" in path.read_text(), "how a real zoo takes the place of this one"
    prepared = prepare(study)
    assert prepared.left_out == {}
    check(prepared)
    assert prepared.comparisons()
    assert (prepared.beside is not None) == (name == "objectives")
    path.write_text(text(name) + "# mine\n")
    assert study_file(name, tmp_path / name) == (path, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "layr-scan"], "did you mean 'layer-scan'?"), (["plan", "stiching"], "did you mean 'stitching'?"),
        (["run", "brain92"], "use `consilience brain brain92`"), (["brain", "depth"], "use `consilience run depth`"),
        (["run", "mine.yaml", "--output", "x"], "--output with a shipped study"),
        (["run", "missing.yaml"], "missing.yaml, which does not exist"),
    ],
)  # fmt: skip
def test_a_name_that_is_none_is_answered_with_the_nearest_or_with_its_command(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(*arguments)
    assert code == cli.BAD_INPUT
    assert says in err


def test_a_file_of_that_name_is_the_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("depth").write_text("name: mine")
    assert study_file("depth") == (Path("depth"), False)
    Path("depth").unlink()
    assert study_file("depth")[0] == Path("consilience-depth/study.yaml")
    with pytest.raises(BadInput, match="or file of one"):
        study_file("mine")


def test_stitching_runs_for_real_on_few_pictures(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures seen and names read by the real models, of two groups of emoji; the rest as it comes."""
    monkeypatch.chdir(tmp_path)
    path, _ = study_file("stitching")
    few = (
        text("stitching")
        .replace("stimuli: openmoji\n", 'stimuli: "openmoji:activities,flags"\n')
        .replace("  - efficientnet-lite1\n  - efficientnet-lite2\n", "")
        .replace("  - efficientnet-lite2-random", "# ")
        .replace("  - smollm2\n", "")
        .replace("[minilm, smollm2]", "[minilm]")
        .replace("sqlite:///runs.db", "null")
    )
    path.write_text(few)
    code, out, _ = call("run", "stitching")
    assert code == 0
    assert "differs from the study that comes with this version" in out
    answer = json.loads(open_scores(path.with_name("scores.nc")).attrs["answer"])
    rows = [dict(zip(answer["header"], row)) for row in answer["rows"]]
    assert [(r["Found"], r["From"], r["To"]) for r in rows] == [
        (f"by {kind}", "efficientnet-lite0", "minilm") for kind in ("name", "name, among 5", "class")
    ]
    # 81 pictures: 40 or 41 held out, of which half score. By name chance is one in so many, and five.
    candidates = int(rows[0]["Candidates"])
    assert candidates in (20, 21)
    chances = [float(r["Chance"]) for r in rows]
    assert chances[:2] == pytest.approx([1 / candidates, 5 / candidates], abs=1e-4)
    assert chances[2] > 0.5, "most are activities"
    assert all(0 <= float(r["Share"]) <= 1 for r in rows)
    for sentence in answer["sentences"]:
        assert sentence in out
