"""What the front door takes, what it gives, and what it refuses before any compute."""

import json
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import consilience as cs
from consilience.engine.comparison import Comparison
from consilience.engine.passes import executors, tiles
from consilience.engine.scores import VARIABLES, open_scores, save


def data(n=60, seed=0, d=(5, 7)):
    rng = np.random.default_rng(seed)
    return {f"model/{w}": rng.normal(size=(n, w)) for w in d}


def test_a_score_table():
    table = cs.compare(data(), metrics=["cka", "svcca"], permutations=3)
    assert table["score"].dims == ("metric", "a", "b")
    assert list(table["a"].values) == ["model/5", "model/7"]
    assert list(table["layer_a"].values) == ["5", "7"]
    assert list(table["metric"].values) == ["cka:estimator=unbiased,kernel=linear", "svcca:variance=0.99"]
    assert set(VARIABLES) == set(table.data_vars)
    assert (table["n"] == 60).all()
    assert list(table["groups"].values) == [20, 10]
    assert json.loads(table.attrs["metrics"])["svcca:variance=0.99"]["source"] == "Raghu et al. 2017"
    assert json.loads(table.attrs["join"]) == {"rows": 60, "dropped": {}}


def test_two_groups_give_their_cross_pairs_alone():
    x = data(d=(3, 4, 5, 6))
    a, b = dict(list(x.items())[:2]), dict(list(x.items())[1:])
    metrics = ["cka", "rsa", "mutual_knn", "linreg"]
    some, whole = cs.compare(a, b, metrics, permutations=2), cs.compare(x, metrics=metrics, permutations=2)
    assert some["score"].shape == (4, 2, 3)
    for name in ("score", "se", "z"):
        np.testing.assert_allclose(some[name], whole[name][:, :2, 1:], rtol=1e-9, atol=1e-12)


def test_without_errors_and_nulls_they_are_nan():
    table = cs.compare(data(), se=False, null=False)
    assert np.isfinite(table["score"]).all()
    for name in ("se", "null_mean", "z", "p", "q", "calibrated"):
        assert np.isnan(table[name]).all(), name


@pytest.mark.parametrize("kind", ["dask", "xarray", "list"])
def test_other_arrays(kind):
    x = data()
    make = {
        "dask": lambda v: da.from_array(v, chunks=(13, 2)),
        "xarray": lambda v: xr.DataArray(v, dims=("sample", "unit")),
        "list": lambda v: v.tolist(),
    }[kind]
    got = cs.compare({k: make(v) for k, v in x.items()}, metrics=["cka", "rsa"])
    xr.testing.assert_allclose(got["score"], cs.compare(x, metrics=["cka", "rsa"])["score"])


def test_samples_are_joined_by_their_ids_whatever_their_order():
    x = data()
    rng = np.random.default_rng(1)
    ids = np.array([f"s{i}" for i in range(60)])
    order = rng.permutation(60)[:50]
    left = xr.DataArray(x["model/5"], dims=("sample", "unit"), coords={"sample": ids})
    right = xr.DataArray(x["model/7"][order], dims=("sample", "unit"), coords={"sample": ids[order]})
    table = cs.compare({"a": left, "b": right})
    keep = np.sort(order)
    want = cs.score("cka", x["model/5"][keep], x["model/7"][keep])
    assert abs(float(table["score"][0, 0, 1]) - want) < 1e-12
    assert json.loads(table.attrs["join"]) == {"rows": 50, "dropped": {"a": 10}}


def test_tables_and_their_layers(tmp_path):
    x = data()
    ids = [f"s{i}" for i in range(60)]
    store = cs.FeatureStore(tmp_path)
    one = store.write("one", "set", ids, {"l0": x["model/5"], "l1": x["model/7"]})
    two = store.write("two", "set", ids[::-1], {"l0": x["model/5"][::-1]})
    table = cs.compare([one, two], metrics=["cka", "mutual_knn"])
    assert list(table["a"].values) == ["one/l0", "one/l1", "two/l0"]
    np.testing.assert_allclose(table["score"][:, 0, 2], 1.0)
    np.testing.assert_allclose(table["score"][0, 0, 1], cs.score("cka", x["model/5"], x["model/7"]))


def test_same_seed_same_table_and_saved_equal(tmp_path):
    first, second = (cs.compare(data(), metrics=["cka", "svcca"], permutations=3) for _ in range(2))
    for name in VARIABLES:
        np.testing.assert_array_equal(first[name], second[name])
    save(first, tmp_path / "scores.nc")
    xr.testing.assert_identical(open_scores(tmp_path / "scores.nc"), first)
    save(first, tmp_path / "scores.parquet")
    import pandas as pd

    tidy = pd.read_parquet(tmp_path / "scores.parquet")
    assert len(tidy) == 8
    assert set(VARIABLES) < set(tidy.columns)


def test_an_undefined_score_says_why():
    # All distances between the rows of an identity matrix are equal: their ranks do not vary.
    table = cs.compare(
        {"x": np.eye(8), "y": np.random.default_rng(0).normal(size=(8, 4))}, metrics=["rsa:rdm=euclidean"]
    )
    undefined = np.isnan(table["score"].values[0])
    assert undefined.tolist() == [[True, True], [True, False]]
    reasons = json.loads(table.attrs["reasons"])
    assert len(reasons) == undefined.sum()
    assert all("self term" in r for r in reasons.values())


def test_q_is_corrected_over_the_whole_table_without_the_diagonal():
    from scipy.stats import false_discovery_control

    table = cs.compare(data(d=(3, 4, 5)), metrics=["cka", "rsa"])
    itself = np.eye(3, dtype=bool)
    assert np.isnan(table["q"].values[:, itself]).all()
    want = false_discovery_control(table["p"].values[:, ~itself].ravel())
    np.testing.assert_allclose(table["q"].values[:, ~itself].ravel(), want)


def test_progress_reaches_the_end_of_every_stage():
    seen: dict[str, list[tuple[float, float]]] = {}
    cs.compare(
        data(200), metrics=["cka", "mutual_knn", "svcca"], permutations=2,
        progress=lambda stage, done, total: seen.setdefault(stage, []).append((done, total)),
    )  # fmt: skip
    assert "tiles" in seen
    for stage, steps in seen.items():
        assert steps[-1][0] == pytest.approx(steps[-1][1]), stage
        assert steps == sorted(steps)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown metric": ({"metrics": ["ckaa"]}, "did you mean 'cka'"),
    "unknown parameter": ({"metrics": ["cka:kernle=linear"]}, "did you mean 'kernel'"),
    "unknown value": ({"metrics": [{"name": "cka", "estimator": "unbiassed"}]}, "did you mean 'unbiased'"),
    "no metric": ({"metrics": []}, "at least one metric"),
    "k too large": ({"metrics": ["mutual_knn:k=60"]}, "use k <= 59"),
    "k zero": ({"metrics": ["mutual_knn:k=0"]}, "from 1"),
    "budget": ({"metrics": ["rsa"], "budget": "100kB"}, "within the budget of 100.0 kB"),
    "budget unit": ({"budget": "8 apples"}, "a memory size"),
    "groups": ({"groups": 0}, "groups of 1 or more"),
    "permutations": ({"permutations": -1}, "permutations of 0 or more"),
    "executor": ({"executor": "thread"}, "did you mean 'threads'"),
    "device": ({"device": "gpu"}, "a device that torch can use; got 'gpu'"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_options_refused(case):
    options, words = REFUSED[case]
    with pytest.raises(cs.BadInput, match=words):
        cs.compare(data(), **options)


def with_value(value):
    x = data()
    x["model/7"][[3, 5], 2] = value
    return x


INPUT: dict[str, tuple[dict[str, Any], str]] = {
    "nan": (with_value(np.nan), "NaN or infinity in 2 of 60 samples"),
    "infinity": (with_value(np.inf), "finite features in 'model/7'"),
    "constant": ({"a": data()["model/5"], "b": np.ones((60, 3))}, "features that vary in 'b'"),
    "three samples": (data(3), "at least 4 samples; got 3"),
    "lengths": ({"a": np.eye(8), "b": np.eye(9)}, "8 rows in 'a', 9 in 'b'"),
    "one axis": ({"a": np.arange(8.0)}, r"x\[:, None\]"),
    "three axes": ({"a": np.ones((8, 2, 2))}, "pool or flatten"),
    "text": ({"a": np.full((8, 2), "x")}, "real numbers"),
    "complex": ({"a": np.ones((8, 2), complex)}, "real numbers"),
    "nothing": ({}, "at least one representation"),
    "empty": ({"a": np.ones((0, 3))}, "samples and units"),
}


@pytest.mark.parametrize("case", sorted(INPUT))
def test_input_refused(case):
    features, words = INPUT[case]
    with pytest.raises(cs.BadInput, match=words):
        cs.compare(features)


def test_a_name_on_both_sides_stands_for_the_same_features():
    x, y = data()["model/5"], data()["model/7"]
    other = x.copy()
    other[-1, -1] += 1
    for different in (y, other, x[:, :-1]):
        with pytest.raises(cs.BadInput, match="'a' on both sides, of different features"):
            cs.compare({"a": x}, {"a": different})
    ids = [f"s{i}" for i in range(len(x))]
    named, turned = (xr.DataArray(x, dims=("sample", "unit"), coords={"sample": i}) for i in (ids, ids[::-1]))
    with pytest.raises(cs.BadInput, match="of different features"):
        cs.compare({"a": named}, {"a": turned})
    for same in (x, x.copy(), da.from_array(x)):
        assert float(cs.compare({"a": x}, {"a": same, "b": y})["score"][0, 0, 0]) == 1


def test_small_tiles_are_swept_on_one_thread_with_the_same_scores(monkeypatch):
    metrics, taken, in_turn = ["cka:kernel=rbf", "rsa", "mutual_knn:k=4"], [], executors.in_turn

    def noticed(run):
        taken.append(run)
        return in_turn(run)

    monkeypatch.setattr(executors, "in_turn", noticed)
    small = cs.compare(data(), metrics=metrics, threads=2)
    assert in_turn(taken[0]).workers == 1
    assert in_turn(executors.serial) is executors.serial
    monkeypatch.setattr(tiles, "FEW_ENTRIES", 0)
    taken.clear()
    large = cs.compare(data(), metrics=metrics, threads=2)
    assert not taken
    np.testing.assert_allclose(small["score"], large["score"], rtol=1e-12)
    np.testing.assert_allclose(small["se"], large["se"], rtol=1e-9, atol=1e-15)


def test_ids_that_do_not_fit():
    def named(ids):
        return xr.DataArray(np.eye(len(ids)), dims=("sample", "unit"), coords={"sample": ids})

    with pytest.raises(cs.BadInput, match="no common sample_id: a has 5"):
        cs.compare({"a": named(list("abcde")), "b": named(list("fghij"))})
    with pytest.raises(cs.BadInput, match="each sample_id once in 'b'"):
        cs.compare({"a": named(list("abcde")), "b": named(list("abcdd"))})
    with pytest.raises(cs.BadInput, match="sample ids for all representations or for none"):
        cs.compare({"a": named(list("abcde")), "b": np.eye(5)})


def test_the_plan_holds_the_memory_to_the_budget():
    x = {f"m/{i}": np.zeros((3000, 256), np.float32) for i in range(12)}
    for v in x.values():
        v[0] = 1
    wide = Comparison(x, metrics=["rsa", "mutual_knn"], budget="4GB").plan()
    tight = Comparison(x, metrics=["rsa", "mutual_knn"], budget="500MB").plan()
    assert tight.tile_rows < wide.tile_rows
    assert tight.memory <= 500e6 < wide.memory


def test_the_scores_without_each_row_group_are_those_of_the_standard_errors() -> None:
    rng = np.random.default_rng(3)
    features = {name: rng.normal(size=(60, 5)) for name in "abc"}
    plain = cs.compare(features, metrics=["cka", "procrustes"], groups=6, permutations=3)
    kept = cs.compare(
        features, metrics=["cka", "procrustes"], groups=6, permutations=3, left_out=True, pairs=[("a", "b")]
    )
    assert "left_out" not in plain
    without = kept["left_out"].sel(a="a", b="b").values
    assert without.shape == (2, 6)
    spread = without - without.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(
        np.sqrt(5 / 6 * (spread**2).sum(axis=1)), plain["se"].sel(a="a", b="b"), rtol=1e-4
    )
    assert bool(kept["left_out"].sel(a="a", b="c").isnull().all())
