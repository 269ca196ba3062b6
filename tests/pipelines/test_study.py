"""A study file: what it may say, and how its mistakes are answered."""

from pathlib import Path

import pytest

from consilience.engine.errors import BadInput
from consilience.engine.metrics import parse
from consilience.engine.metrics.registry import registered
from consilience.pipelines.studyfiles.located import StudyError, read_yaml
from consilience.pipelines.studyfiles.study import LayerChoice, Pairs, Study, load_study, parse_study

LEAST = "name: x\nstimuli: s\nmodels: [m]\nmetrics: [cka]\n"


def study(text: str) -> Study:
    return parse_study(text, Path("/somewhere/my.yaml"))


def error(text: str) -> StudyError:
    with pytest.raises(StudyError) as caught:
        study(text)
    return caught.value


def test_the_study_of_the_design_document_reads() -> None:
    got = study(
        """
name: openmoji
stimuli: openmoji
models: [efficientnet-lite0, {name: minilm, layers: all, pool: mean}]
metrics: [cka, {name: cka, estimator: biased}, mutual_knn]
store: features
pairs: all
null: true
budget: 8GB
precision: exact
executor: threads
tracking: sqlite:///runs.db
output: out
"""
    )
    least = study(LEAST)
    assert [x.name for x in got.models] == ["efficientnet-lite0", "minilm"]
    assert got.models[1].wanted == "all"
    assert got.null is True  # plain YAML reads this key as None
    assert [x.spec() for x in got.metrics] == ["cka", {"name": "cka", "estimator": "biased"}, "mutual_knn"]
    for key in ("store", "pairs", "null", "budget", "precision", "executor", "tracking", "output"):
        assert getattr(got, key) == getattr(least, key), key  # the document states the defaults


def test_the_study_of_every_metric_leaves_none_out_that_needs_no_labels() -> None:
    got = load_study(str(Path(__file__).parents[2] / "docs" / "every-metric.yaml"))
    wanted = {name for name, metric in registered().items() if not parse(metric.name).labelled}
    assert {parse(m.spec()).metric.name for m in got.metrics} == wanted


def test_a_metric_may_name_its_layers_apart_from_its_parameters() -> None:
    entry = study(LEAST + "").metrics[0]
    assert entry.layers == LayerChoice()
    entry = study(LEAST.replace("[cka]", "[{name: svcca, variance: 0.9, layers: {every: 4}}]")).metrics[0]
    assert entry.spec() == {"name": "svcca", "variance": 0.9}
    assert entry.layers == LayerChoice(every=4)
    assert study(LEAST.replace("[cka]", "[{name: cka, layers: 'b*'}]")).metrics[0].layers.patterns == ["b*"]


def test_a_model_may_have_steps_of_its_own() -> None:
    got = study(
        LEAST.replace("[m]", "[m, {name: n, preprocess: [l2]}, {name: o, preprocess: []}]")
        + "preprocess: [clip, {name: pca, variance: 0.9}]"
    )
    assert [x.spec() for x in got.preprocess] == ["clip", {"name": "pca", "variance": 0.9}]
    own = [x.preprocess for x in got.models]
    assert own[0] is None, "those of the study"
    assert [x.spec() for x in own[1] or ()] == ["l2"]
    assert own[2] == []
    assert study(LEAST).preprocess == []


def test_every_fourth_layer_and_the_last() -> None:
    names = [f"layer.{i}" for i in range(7)]
    assert LayerChoice(every=4).choose(names) == ["layer.0", "layer.4", "layer.6"]
    assert LayerChoice(every=4).choose(names[:5]) == ["layer.0", "layer.4"]
    assert LayerChoice(every=4).choose([]) == []
    assert LayerChoice().choose(names) == names
    assert LayerChoice(patterns=["*.1", "*.3", "*.5"], every=2).choose(names) == ["layer.1", "layer.5"]


def test_pairs_are_patterns_over_representations_or_models() -> None:
    pairs = study(LEAST + "pairs: {a: 'vit*', b: [bert/layer.1, llama]}").pairs
    assert pairs is not None
    assert Pairs.matches(pairs.a, "vit-b", "blocks.3")
    assert Pairs.matches(pairs.b, "bert", "layer.1")
    assert not Pairs.matches(pairs.b, "bert", "layer.11")
    assert study(LEAST + "pairs: all").pairs is None


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "my.yaml"
    file.parent.mkdir()
    file.write_text(LEAST)
    got = load_study(file)
    assert got.path(got.output) == (tmp_path / "deep" / "out").resolve()
    assert got.path("/else/where") == Path("/else/where")


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        (LEAST + "budgt: 3GB", "my.yaml, line 5, key budgt", "did you mean 'budget'?"),
        (LEAST.replace("[m]", "\n  - m\n  - {name: n, layer: x}"), ", key models[1].layer", "mean 'layers'?"),
        (LEAST.replace("[cka]", "[{nam: cka}]"), "line 4, key metrics[0].name", "add `name:`"),
        (LEAST.replace("[cka]", "[{name: a, layers: {evry: 2}}]"), "key metrics[0].layers.evry", "'every'"),
        (LEAST.replace("[cka]", "[{name: a, layers: {every: 0}}]"), "metrics[0].layers.every", "equal to 1"),
        (LEAST.replace("[cka]", "[7]"), "line 4, key metrics[0]", "name, or a mapping with name and layers"),
        (LEAST.replace("[cka]", "[]"), "line 4, key metrics", "at least 1 item"),
        (LEAST + "preprocess: clip", "line 5, key preprocess", "a valid list; got 'clip'"),
        (LEAST + "preprocess: [7]", "line 5, key preprocess[0]", "a name, or a mapping with name"),
        (LEAST + "preprocess:\n- l2\n- {nam: pca}", "line 7, key preprocess[1].name", "add `name:`"),
        (LEAST.replace("[m]", "[{name: m, preprocess: [{}]}]"), "line 3, key models[0].preprocess[0].name", "`name:`"),
        (LEAST.replace("models: [m]\n", ""), "key models", "add `models:`"),
        (LEAST.replace("[m]", "[m, n, m]"), "line 3, key models[2]", "'m' twice"),
        (LEAST + "precision: exakt", "line 5, key precision", "'fast' or 'auto'; got 'exakt'"),
        (LEAST + "budget: plenty", "line 5, key budget", "a size such as 8GB"),
        (LEAST + "groups: 1", "line 5, key groups", "greater than or equal to 2; got 1"),
        (LEAST + "seed: '1'", "line 5, key seed", "a valid integer; got '1'"),
        (LEAST + "pairs: {a: x}", "line 5, key pairs.b", "add `b:`"),
        (LEAST + "pairs: some", "line 5, key pairs", "a mapping with a and b"),
        (LEAST + "stimuli: t", "line 5, key stimuli", "'stimuli' on line 2 and on line 5"),
        (LEAST + "store: [", "my.yaml, line 5", "check the indentation, colons and brackets there"),
        (LEAST + "? [a]\n: b", "my.yaml, line 5", "a plain word as key"),
        ("- a\n- b\n", "my.yaml", "keys and values; got list"),
        ("", "my.yaml", "keys and values; got NoneType"),
    ],
)  # fmt: skip
def test_a_mistake_is_answered_with_its_line_and_its_fix(text: str, where: str, says: str) -> None:
    message = str(error(text))
    assert where in message
    assert says in message
    assert "Fix: " in message


def test_every_mistake_is_told_at_once_in_the_order_of_the_file() -> None:
    lines = str(error("nme: x\n" + LEAST + "budget: 1\ngroups: 0\n")).splitlines()
    assert [x.split(", key ")[0].removeprefix("my.yaml, ") for x in lines] == ["line 1", "line 6", "line 7"]


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        load_study(tmp_path / "none.yaml")


def test_a_file_that_is_no_text_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(BadInput, match="UTF-8"):
        load_study(tmp_path / "a.yaml")


def test_lines_are_those_of_the_keys() -> None:
    located = read_yaml("a:\n  b: 1\n  c:\n    - x\n    - y\n", "f")
    assert located.lines[("a", "c", 1)] == 5
    assert located.where(("a", "c", 9)) == "f, line 3, key a.c[9]"


def test_the_error_survives_a_process_boundary() -> None:
    import pickle

    first = error(LEAST + "budgt: 3\ngroups: 0\n")
    assert str(pickle.loads(pickle.dumps(first))) == str(first)
