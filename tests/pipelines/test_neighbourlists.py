"""Neighbour lists that are kept: only new representations are searched, and scores are those of a search of all."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consilience.engine.features import FeatureStore
from consilience.engine.passes import second_order as module
from consilience.engine.scores import open_scores
from consilience.engine.scoring import known, second
from consilience.pipelines.studyfiles.study import parse_study, plan
from consilience.pipelines.zoo.run import run

METRICS = ("cka", "mutual_knn", "cknna", "cycle_knn", "mutual_knn:k=3", "second_order_cosine", "rank_knn")
MODELS = ("dog", "ant", "cow")
Make = Callable[..., Any]


@pytest.fixture(params=[90, 1100], ids=["float64", "float32"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A study of some models; with more than 1,024 samples they are searched in float32."""
    n: int = request.param
    rng = np.random.default_rng(1)
    store, latent = FeatureStore(tmp_path / "features"), rng.normal(size=(n, 4))
    for model in (*MODELS, "bee"):
        layers = {
            f"layer.{i}": (latent @ rng.normal(size=(4, 6)) + rng.normal(size=(n, 6))).astype("f4")
            for i in range(2)
        }
        store.write(model, "things", [f"s{i:04d}" for i in range(n)], layers)

    def made(
        models: tuple[str, ...], metrics: tuple[str, ...] = METRICS, output: str = "out", more: str = ""
    ) -> Any:
        text = (
            f"name: zoo\nstimuli: things\nmodels: {json.dumps(models)}\nmetrics: {json.dumps(metrics)}\ngroups: 4\n"
            f"permutations: 2\ntracking: null\nstore: {tmp_path / 'features'}\noutput: {tmp_path / output}\n"
        )
        return parse_study(text + more, tmp_path / "study.yaml")

    return made


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The names of the representations of every search."""
    found: list[tuple[str, ...]] = []

    def watched(representations: Any, *args: Any, **options: Any) -> Any:
        if options.get("searches"):
            found.append(tuple(r.name for r in representations))
        return module.second_order(representations, *args, **options)

    for where in (known, second):
        monkeypatch.setattr(where, "second_order", watched)
    return found


def test_a_model_that_joins_is_searched_alone(make: Make, searched: list[Any], tmp_path: Path) -> None:
    run(make(MODELS))
    assert [len(x) for x in searched] == [6]
    searched.clear()
    said = plan(make((*MODELS, "bee")))
    steps = [step.name for one in said.comparisons for step in one.plan.steps]
    assert "neighbours" in steps, "the plan knows"
    grown = run(make((*MODELS, "bee")))
    assert searched == [("bee/layer.0", "bee/layer.1")]
    whole = run(make((*MODELS, "bee"), output="at once"))
    assert len(searched[-1]) == 8
    cka, *others = (str(m) for m in whole["metric"].values)
    for name in whole.data_vars:
        a, b = (table[name].sel(metric=others) for table in (grown, whole))
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=str(name))
    # By moments where few pairs are new, and on the tiles of the search where all are.
    a, b = (table["score"].sel(metric=cka) for table in (grown, whole))
    np.testing.assert_allclose(a, b, rtol=1e-5)
    exact = [name for name in others if name.startswith(("mutual", "cycle"))]
    np.testing.assert_array_equal(grown["score"].sel(metric=exact), whole["score"].sel(metric=exact))
    kept, again = (
        {path.name: np.load(path) for path in (tmp_path / name / ".scores" / "neighbours").iterdir()}
        for name in ("out", "at once")
    )
    assert kept.keys() == again.keys()
    for name, lists in kept.items():
        np.testing.assert_array_equal(lists, again[name], err_msg="the lists of a search of all")


def test_a_metric_more_searches_nobody(make: Make, searched: list[Any]) -> None:
    run(make(MODELS, ("mutual_knn",)))
    searched.clear()
    run(make(MODELS, ("mutual_knn", "jaccard_knn")))
    assert searched == []
    run(make(MODELS, ("mutual_knn", "jaccard_knn", "jaccard_knn:distance=euclidean")))
    assert [len(x) for x in searched] == [6], "another distance"


def test_what_decides_the_lists_makes_others(make: Make, searched: list[Any]) -> None:
    for more in ("", "seed: 1\n", "preprocess: [clip]\n"):
        searched.clear()
        run(make(MODELS, ("mutual_knn",), more=more))
        assert [len(x) for x in searched] == [6], more


def test_damaged_lists_are_found_anew_and_few_are_kept_where_there_is_no_room(
    make: Make, searched: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(make(MODELS, ("mutual_knn",)))
    folder = tmp_path / "out" / ".scores" / "neighbours"
    one = min(folder.iterdir())
    size = one.stat().st_size
    one.write_bytes(one.read_bytes()[:100])
    searched.clear()
    run(make(MODELS, ("mutual_knn", "jaccard_knn")))
    assert [len(x) for x in searched] == [1]
    assert one.stat().st_size == size
    monkeypatch.setenv("CONSILIENCE_CACHE_GB", str(2.5 * size / 1e9))
    run(make((*MODELS, "bee"), ("mutual_knn",)))
    assert len(list(folder.iterdir())) == 2
    there = open_scores(tmp_path / "out" / "scores.nc")
    assert bool(np.isfinite(there["score"]).all())
