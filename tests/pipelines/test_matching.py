"""Patterns in a study's models: what they stand for, and where a mistake in one of them is found."""

import json
from pathlib import Path

import pytest
from toys import toy_study, write_toys

from consilience.engine.features import FeatureStore
from consilience.pipelines.studyfiles.located import StudyError
from consilience.pipelines.studyfiles.matching import matched
from consilience.pipelines.studyfiles.study import load_study, plan
from consilience.pipelines.zoo.prepare import prepare


def names(study: Path, stimuli: str = "toys") -> list[str]:
    loaded = load_study(study)
    return [x.name for x in matched(loaded, stimuli, FeatureStore(loaded.store_place)).models]


def test_a_pattern_stands_for_the_tables_that_fit_it_in_order(tmp_path: Path) -> None:
    write_toys(tmp_path, "vit-b", "vit-a", "ear", "eye")
    assert names(toy_study(tmp_path, '["vit-*", "e?r"]')) == ["vit-a", "vit-b", "ear"]
    assert names(toy_study(tmp_path, '["*", eye]')) == ["ear", "vit-a", "vit-b", "eye"], (
        "each once, as it is named"
    )
    found = load_study(toy_study(tmp_path, '[{name: "vit-*", layers: layer.1}, eye]'))
    assert [x.layers for x in matched(found, "toys", FeatureStore(tmp_path / "features")).models] == [
        ["layer.1"], ["layer.1"], ["*"],
    ]  # fmt: skip


def test_a_table_that_joins_the_store_joins_the_study(tmp_path: Path) -> None:
    write_toys(tmp_path, "vit-a", "eye")
    study = toy_study(tmp_path, '["*"]')
    before = prepare(load_study(study)).fingerprint()
    write_toys(tmp_path, "vit-b")
    assert prepare(load_study(study)).fingerprint() != before
    assert [x.model for x in plan(study).features] == ["eye", "vit-a", "vit-b"]


def test_registered_models_fit_where_they_can_see_the_stimuli(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("\n".join(f"word {i}" for i in range(8)))
    found = names(toy_study(tmp_path, '["*"]'), f"text:{tmp_path / 'words.txt'}")
    assert "minilm" in found
    assert not any(x.startswith("efficientnet") for x in found), "which see pictures"


def test_a_pattern_of_folders_stands_for_those_that_hold_a_model(tmp_path: Path) -> None:
    for name in ("b", "a", "notes"):
        (tmp_path / "zoo" / name).mkdir(parents=True)
    for name in ("b", "a"):
        (tmp_path / "zoo" / name / "config.json").write_text(json.dumps({"model_type": "bert"}))
    study = toy_study(tmp_path, f'["hf:{tmp_path}/zoo/*"]')
    assert names(study) == [f"hf:{tmp_path}/zoo/{x}" for x in ("a", "b")]


def test_a_mistake_is_told_at_the_entry_of_the_file(tmp_path: Path) -> None:
    write_toys(tmp_path, "vit-a", "vit-b", "eye")
    with pytest.raises(StudyError, match=r"key models\[1\]: expected a known layer"):
        plan(toy_study(tmp_path, '["vit-*", {name: eye, layers: block}]'))
    with pytest.raises(StudyError, match=r"key models\[1\].*got none that is not named already"):
        plan(toy_study(tmp_path, '[eye, "e*"]'))
