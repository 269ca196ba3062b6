"""A zoo that grows, shrinks and is put in another order: what is computed, and that it is what the whole would be."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from stacks import register_zoo
from swept import Swept

from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore
from consilience.engine.scores import open_scores
from consilience.pipelines.console import Console
from consilience.pipelines.studyfiles.study import parse_study, plan
from consilience.pipelines.zoo.run import run

MODELS = ("dog", "ant", "cow", "bee")
METRICS = (
    "cka", "cka:kernel=rbf", "cka:estimator=minibatch,batch=32", "cka:by=label", "rsa", "mutual_knn", "cycle_knn",
    "cknna", "procrustes", "svcca", "stitch", "second_order_cosine", "uniformity", "intrinsic_dimension",
)  # fmt: skip
STUDY = """
name: zoo
stimuli: things
models: {models}
metrics: {metrics}
groups: 10
permutations: 4
tracking: null
store: {store}
output: {output}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    store, latent = FeatureStore(tmp_path / "features"), rng.normal(size=(90, 4))
    for m, model in enumerate(MODELS):
        layers = {
            f"layer.{i}": (latent @ rng.normal(size=(4, 6)) + rng.normal(size=(90, 6))).astype("f4")
            for i in range(2 + m % 2)
        }
        store.write(model, "things", [f"s{i:02d}" for i in range(90)], layers)
    short = {"layer.0": rng.normal(size=(88, 6)).astype("f4")}
    store.write("emu", "things", [f"s{i:02d}" for i in range(88)], short)
    (tmp_path / "labels.csv").write_text(
        "sample_id,label\n" + "\n".join(f"s{i:02d},{'xyz'[i % 3]}" for i in range(90)), encoding="utf-8"
    )
    return tmp_path


def study(
    folder: Path, models: Sequence[Any], metrics: Sequence[str] = METRICS, output: str = "out", more: str = ""
) -> Any:
    text = STUDY.format(
        models=json.dumps(list(models)),
        metrics=json.dumps(list(metrics)),
        store=folder / "features",
        output=folder / output,
    )
    return parse_study(text + more, folder / "study.yaml")


def same(got: xr.Dataset, want: xr.Dataset) -> None:
    """Every number to 1e-9, and everything that is told of them."""
    assert list(got["a"].values) == list(want["a"].values)
    for name in want.data_vars:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-9, atol=1e-9, err_msg=str(name))
    for name in ("groups", "groups_holdout", "direction", "null", "error"):
        if name in want.coords:
            assert list(got[name].values) == list(want[name].values)
    for name in ("metrics", "notes", "reasons", "join", "preprocess", "preprocess_steps"):
        if name in want.attrs and name != "notes":
            assert json.loads(got.attrs[name]) == json.loads(want.attrs[name]), name
    close(json.loads(got.attrs["notes"]), json.loads(want.attrs["notes"]))


def close(got: Any, want: Any) -> None:
    if isinstance(want, dict):
        assert set(got) == set(want)
        for key in want:
            close(got[key], want[key])
    else:
        assert got == pytest.approx(want) if isinstance(want, float) else got == want


LABELS = "labels: labels.csv\npreprocess: [clip]\n"


def test_grown_by_a_model_at_a_time_it_is_the_zoo_at_once(folder: Path, swept: Swept) -> None:
    for count in range(1, 5):
        grown = run(study(folder, MODELS[:count], more=LABELS))
    counts = swept.counts()
    assert set(counts.values()) == {10 * 11 // 2, 10}, "every pair once, every representation once"
    profile = open_scores(folder / "out" / "profile.nc")
    same(grown, run(study(folder, MODELS, output="at once", more=LABELS)))
    same(profile, open_scores(folder / "at once" / "profile.nc"))


def test_only_what_is_new_is_computed(folder: Path, swept: Swept) -> None:
    some = ("cka", "mutual_knn", "uniformity")
    run(study(folder, ["dog", "cow"], some))
    assert swept.counts() == {"cka": 10, "mutual_knn": 10, "uniformity": 4}
    joined = run(study(folder, ["dog", "bee", "cow"], some))
    assert swept.counts() == {"cka": 3 * 4 + 6, "mutual_knn": 3 * 4 + 6, "uniformity": 3}
    run(study(folder, ["cow", "bee"], some))
    assert swept.counts() == {}, "a model that leaves"
    again = run(study(folder, ["cow", "bee", "dog"], some))
    assert swept.counts() == {}, "one that comes back, at another place"
    for name in again.data_vars:
        there = again[name].sel(a=joined["a"], b=joined["b"])
        np.testing.assert_array_equal(there, joined[name], err_msg=str(name))
    run(study(folder, [{"name": "cow", "layers": ["layer.1"]}, "bee", "dog"], some))
    assert swept.counts() == {}, "fewer layers"
    run(study(folder, ["bee", "dog"], some, more="pairs: {a: bee, b: dog}\n"))
    assert swept.counts() == {}, "one side with the other"
    run(study(folder, ["cow", "bee", "dog"], [*some, "rsa"]))
    assert swept.counts() == {"rsa": 7 * 8 // 2}, "a metric more"


def test_the_plan_tells_what_is_known_and_what_is_new(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = ("cka", "procrustes", "uniformity")
    run(study(folder, ["dog", "cow"], some))
    capsys.readouterr()
    made = plan(study(folder, ["dog", "cow", "bee"], [*some, "rsa"]))
    names = {metric.partition(":")[0]: counts for metric, counts in made.scores.items()}
    assert names == {"cka": (10, 18), "procrustes": (10, 18), "uniformity": (4, 3), "rsa": (0, 28)}
    assert [(x.representations, x.pairs) for x in made.comparisons] == [(7, 18), (7, 28)]
    assert json.loads(json.dumps(made.rows()))["scores"]["uniformity"] == {"known": 4, "new": 3}
    made.show(Console())
    said = capsys.readouterr().out
    assert "there already" in said
    assert "Comparison of 7 representations, 18 pairs, by cka" in said


def test_a_model_without_some_samples_makes_all_scores_others(folder: Path, swept: Swept) -> None:
    run(study(folder, ["dog", "cow"], ["cka"]))
    swept.counts()
    with_fewer = run(study(folder, ["dog", "cow", "emu"], ["cka"]))
    assert swept.counts() == {"cka": 15}
    assert json.loads(with_fewer.attrs["join"]) == {"rows": 88, "dropped": {"dog": 2, "cow": 2}}
    run(study(folder, ["dog", "cow"], ["cka"]))
    assert swept.counts() == {}, "the scores on all samples are there still"


def test_scores_that_are_decided_together_are_computed_together(folder: Path, swept: Swept) -> None:
    for count in (10, 18 + 10):
        models = ["dog", "cow"] if count == 10 else ["dog", "cow", "bee"]
        run(study(folder, models, ["cka"], more="precision: fast\n"))
        assert swept.counts() == {"cka": count}


def test_too_many_pairs_for_so_many_row_groups(folder: Path, swept: Swept) -> None:
    """Metrics on moments have fewer row groups where there are many pairs: then all their errors are others."""
    models = [*MODELS, *(f"copy-{i}" for i in range(2))]
    rng = np.random.default_rng(4)
    for name in models[4:]:
        layers = {f"layer.{i}": rng.normal(size=(90, 5)).astype("f4") for i in range(2)}
        FeatureStore(folder / "features").write(name, "things", [f"s{i:02d}" for i in range(90)], layers)
    run(study(folder, models[:5], ["cka", "procrustes"]))
    swept.counts()
    run(study(folder, models, ["cka", "procrustes"]))
    assert swept.counts() == {"cka": 2 * 12 + 3, "procrustes": 14 * 15 // 2}


def test_a_half_written_file_is_not_looked_at(folder: Path, swept: Swept) -> None:
    run(study(folder, ["dog", "cow"], ["cka"]))
    (kept,) = (folder / "out" / ".scores").glob("*/*.arrow")
    (kept.parent / ".half.arrow").write_bytes(kept.read_bytes()[:100])
    swept.counts()
    run(study(folder, ["dog", "cow"], ["cka"], more="budget: 2GB\n"))
    assert swept.counts() == {}
    kept.write_bytes(kept.read_bytes()[:100])
    with pytest.raises(BadInput, match="delete that file"):
        run(study(folder, ["dog", "cow"], ["cka"], more="budget: 3GB\n"))


@pytest.mark.usefixtures("ray_local")
def test_extracted_models_keep_their_scores_when_layers_are_chosen(
    folder: Path, swept: Swept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    register_zoo(monkeypatch, 120)

    def points(*models: Any) -> Any:
        made = study(folder, models, ["cka"])
        return made.model_copy(update={"stimuli": "points"})

    some = {"name": "stack:1", "layers": ["layer.[01]"]}
    run(points("stack:0", some))
    assert swept.counts() == {"cka": 6 * 7 // 2}
    run(points("stack:0", "stack:1"))
    assert swept.counts() == {"cka": 2 * 6 + 3}, "two layers more, in a table of their own"
    before = len(FeatureStore(folder / "features").tables())
    run(points("stack:0", {"name": "stack:1", "layers": ["layer.[12]"]}))
    assert swept.counts() == {}
    assert len(FeatureStore(folder / "features").tables()) == before, (
        "fewer layers are in the table that there is"
    )
    capsys.readouterr()
    run(points("stack:0", "stack:1", "stack:2-"))
    assert swept.counts() == {"cka": 12 * 13 // 2}
    assert (
        "2 samples were rejected: all pairs are compared on the 118 that are left" in capsys.readouterr().out
    )
