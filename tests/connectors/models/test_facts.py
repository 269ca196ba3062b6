"""What is known of models: our table, the user's, and the card of the features, each in its place."""

from pathlib import Path

import pytest
from toys import toy_study, write_toys

from consilience.connectors.models import models
from consilience.connectors.models.facts import FAMILIES, _shipped, read_facts, told
from consilience.engine.errors import BadInput
from consilience.engine.scores import open_scores
from consilience.pipelines.studyfiles.located import StudyError
from consilience.pipelines.studyfiles.study import load_study
from consilience.pipelines.zoo.run import run

CARD = {"name": "x", "modality": "image", "objective": "not stated", "licence": "MIT"}


def test_every_registered_model_has_a_family_and_what_is_shipped_can_be() -> None:
    names = [name for name in models() if ":" not in name]
    assert {name: told(name, {}).get("family") in FAMILIES for name in names} == dict.fromkeys(names, True)
    assert all(1980 < x.year < 2100 for x in _shipped().values() if x.year)
    assert told("efficientnet-lite0", {})["training_size"] == 1_281_167
    assert "training_size" not in told("efficientnet-lite0-random", {})
    assert told("clip-vit-base-patch32.vision", {"modality": "image"})["family"] == "multimodal"


def test_ours_fills_what_a_card_does_not_state_and_the_users_overrules_it(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '["net-*"]\nyear = 1999\nlicence = "theirs"\n["net-1"]\nfamily = "speech"\n'
    )
    own = read_facts(tmp_path / "mine.toml")
    assert told("other", CARD, own) == {**CARD, "family": "vision"}
    found = told("net-2", CARD, own)
    assert (found["year"], found["licence"], found["family"]) == (1999, "theirs", "vision")
    assert told("net-1", CARD, own)["family"] == "speech"  # its own table, and not the pattern before it
    assert told("minilm", {**CARD, "objective": "mine"})["objective"] == "mine"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[net]\nyera = 1999", r"a known key of a model card .*'yera'. Fix: did you mean 'year'"),
        ("[net]\nyear = '1999'", r"`year` of net in .* as .*integer; got '1999'"),
        ("[net]\nfamily = 'visual'", r"a known family .*'visual'. Fix: did you mean"),
        ("[net]\ntraining_size = 3", r"both `training_size` and `training_unit` of net"),
        ("year = 1999", r"a table a model in .*got year = 1999"),
        ("[net", r"a file of model cards in TOML"),
    ],
)
def test_mistakes_in_a_file_are_told(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(BadInput, match=says):
        read_facts(tmp_path / "mine.toml")


def test_a_study_tells_what_the_users_file_says_and_computes_nothing_anew_for_it(tmp_path: Path) -> None:
    write_toys(tmp_path, "eye", "ear")
    study = toy_study(tmp_path)
    run(study)
    kept = {x: x.stat().st_mtime_ns for x in (tmp_path / "out" / ".scores").rglob("*") if x.is_file()}
    (tmp_path / "mine.toml").write_text("[eye]\nyear = 2001\n")
    study.write_text(study.read_text() + "cards: mine.toml\n")
    run(study)
    assert '"year": 2001' in open_scores(tmp_path / "out" / "scores.nc").attrs["cards"]
    assert all(x.stat().st_mtime_ns == at for x, at in kept.items())
    (tmp_path / "mine.toml").write_text("[eye]\nyear = 2002\n")
    run(study)
    assert '"year": 2002' in open_scores(tmp_path / "out" / "scores.nc").attrs["cards"]
    (tmp_path / "mine.toml").write_text("[eye]\nyaer = 2002\n")
    with pytest.raises(StudyError, match=r"study.yaml, line \d+.*did you mean 'year'"):
        run(load_study(study))
