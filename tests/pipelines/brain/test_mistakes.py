"""Mistakes in a brain study are answered with the line, the key and the fix, before anything is computed."""

from pathlib import Path
from typing import Any

import pytest

from consilience.engine.errors import BadInput
from consilience.pipelines.brain.plan import BrainPlan
from consilience.pipelines.brain.run import plan
from consilience.pipelines.brain.study import load_brain_study
from consilience.pipelines.studyfiles.located import StudyError
from consilience.pipelines.studyfiles.shipped import BRAINS, names, study_file, text

STORY = """\
name: story
brain: alice
models: [glove]
regions: [LPTL]
encode:
  nuisance: [word_rate]
tracking: null
"""


def study(folder: Path, old: str, new: str) -> Path:
    assert old in STORY
    path = folder / "study.yaml"
    path.write_text(STORY.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("brain: alice", "brain: alise", ("line 2", "key brain", "'alise'", "did you mean 'alice'")),
        ("[LPTL]", "[LPTK]", ("line 4", "key regions", "'LPTK'", "LPTL")),
        ("[word_rate]", "[wordrate]", ("line 6", "encode.nuisance[0]", "'wordrate'", "word_rate")),
        ("models: [glove]", "models: [glov]", ("line 3", "models[0]", "'glov'", "glove")),
        ("  nuisance:", "  delay: [1]\n  nuisance:", ("line 6", "encode.delay", "delays")),
        ("tracking: null", "metrics: [rsa]", ("line 7", "key metrics", "time points", "encode")),
        ("encode:\n  nuisance: [word_rate]\n", "", ("line 2", "`encode:`")),
        ("  nuisance:", "  high_pass: 0.008\n  nuisance:", ("line 6", "encode.high_pass", "seconds, not Hz")),
        ("tracking: null", "hierarchy: [LPTL, LIFG]", ("line 7", "key hierarchy", "'LIFG'", "LPTL")),
        ("tracking: null", "hierarchy: [LPTL]", ("line 7", "key hierarchy", "two regions or more")),
        ("  nuisance:", "  folds: 2\n  nuisance:", ("line 6", "encode.folds", "3")),
        ("models: [glove]", "models: [{name: glove, preprocess: [l2]}]", ("preprocess", "components")),
    ],
)
def test_each_mistake_names_its_line_and_its_fix(
    data_sets: Path, tmp_path: Path, old: str, new: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(StudyError) as caught:
        plan(study(tmp_path, old, new))
    for word in words:
        assert word in str(caught.value), str(caught.value)


@pytest.mark.parametrize("command", ["run", "plan"])
def test_the_commands_for_models_point_to_the_one_for_brains(call: Any, tmp_path: Path, command: str) -> None:
    path = study(tmp_path, "[LPTL]", "[LPTL]")
    code, _, said = call(command, path)
    assert code == 2
    assert "line 2, key brain" in said
    assert f"`consilience brain {path}`" in " ".join(said.split())


def test_a_metric_of_one_representation_is_refused(data_sets: Path, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "name: x\nbrain: kriegeskorte92\nmodels: [efficientnet-lite0]\nmetrics:\n  - participation_ratio\n"
    )
    with pytest.raises(StudyError, match=r"line 5, key metrics\[0\].*participation_ratio"):
        plan(path)


def test_a_data_set_without_stimuli_asks_for_them(data_sets: Path, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("name: x\nbrain: haxby_slice\nmodels: [efficientnet-lite0]\n")
    with pytest.raises(StudyError, match=r"the stimuli of haxby_slice.*add `stimuli:`"):
        plan(path)


def test_the_shipped_studies_are_written_where_they_are_run_and_read(tmp_path: Path) -> None:
    for name in names(BRAINS):
        path, edited = study_file(name, tmp_path / name, BRAINS)
        assert not edited
        assert load_brain_study(path).name == name
        path.write_text(text(name, BRAINS) + "# mine\n")
        assert study_file(name, tmp_path / name, BRAINS) == (path, True)
    assert load_brain_study(tmp_path / "alice/study.yaml").encode is not None


def test_a_name_that_is_neither_a_study_nor_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="brain92"):
        study_file("brain29", package=BRAINS)


def test_the_plan_says_who_is_there_and_what_is_to_be_done(data_sets: Path, tmp_path: Path) -> None:
    found = plan(study(tmp_path, "[LPTL]", "[L*]")).rows()
    assert found["data"]["regions"] == ["LATL", "LPTL", "LIPL", "LPreM", "LIFG"]
    assert len(found["data"]["subjects"]) == 19
    assert found["data"]["excluded"][0].startswith("s33")
    (part,) = found["work"]
    assert (part["name"], part["state"]) == ("encoding", "to be computed")
    assert "beyond word_rate" in part["what"]
    steps = {step["name"]: step for step in part["steps"]}
    assert set(steps) == {"sums of folds", "penalties"}
    assert found["seconds"] == sum(step["seconds"] for step in steps.values()) > 0
    assert found["memory"] == max(step["memory"] for step in steps.values()) > 0


def test_the_plan_grows_with_what_is_asked(data_sets: Path, tmp_path: Path) -> None:
    def planned(old: str, new: str) -> BrainPlan:
        return plan(study(tmp_path, old, new))

    one = planned("tracking: null", "budget: 4GB")
    assert planned("[LPTL]", "all").seconds > one.seconds
    more = planned("[word_rate]", "[word_rate, motion]\n  permutations: 99\n  delays: [1, 2, 3]")
    assert more.seconds > 3 * one.seconds
    assert more.memory > one.memory


def test_the_plan_of_pictures_counts_draws_and_repeats(data_sets: Path, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "name: x\nbrain: kriegeskorte92\nmodels: [efficientnet-lite0]\nreliability: {}\ntracking: null\n"
    )
    names = [step.name for part in plan(path).work for step in part.steps]
    assert names == ["tiles", "permuted stimuli", "bootstrap of the stimuli", "reliability"]
