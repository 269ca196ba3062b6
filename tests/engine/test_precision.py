"""Fast products: close to the exact ones where they are used, and used only where they serve."""

import json

import numpy as np
import pytest

import consilience as cs
from consilience.engine.linalg import low_gain
from consilience.engine.passes import candidates
from consilience.engine.scoring import precision

BOUND = 5e-5  # of the error of a score, and of what is told of it


def hard(seed):
    """More samples than are computed in float64, with what is hard for few digits."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(1200, 6))
    x = {
        f"m/{d}": (shared @ rng.normal(size=(6, d)) + rng.normal(size=(1200, d))).astype(np.float32)
        for d in (300, 400, 600, 1500)
    }
    x["m/300"][:, 3] *= 200  # an outlier unit
    x["m/400"] += 50  # large means
    return x  # and n < d


@pytest.fixture(scope="module")
def features():
    return hard(0)


@pytest.fixture(autouse=True)
def _worth_it(monkeypatch):
    """Neighbours of few samples too are found in few digits, which keeps the tests short."""
    monkeypatch.setattr(candidates, "SCORING", 1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_fast_scores_are_close_and_carry_the_error(seed):
    features = hard(seed)
    metrics = ["cka", "cka:estimator=biased"]
    exact, fast = (cs.compare(features, metrics=metrics, precision=p, seed=seed) for p in ("exact", "fast"))
    error = np.abs(fast["score"] - exact["score"]).max()
    assert 0 < error < BOUND
    np.testing.assert_allclose(fast["se"], exact["se"], atol=BOUND)
    for note in json.loads(fast.attrs["notes"]).values():
        assert note["precision"] == "fast"
        assert note["measured on"] == 1200
        assert error / 3 < note["largest error"] < BOUND  # an estimate, from a part of the pairs
    assert not any("precision" in note for note in json.loads(exact.attrs["notes"]).values())


@pytest.mark.parametrize(
    ("metrics", "rows", "why"),
    [
        (["cka", "rsa"], 1200, "only sums of the linear kernel"),
        (["cka:estimator=unbiased_both"], 1200, "sums over single units"),
        (["mutual_knn", "rsa"], 1200, "only sums of the linear kernel"),
        (["mutual_knn:distance=euclidean"], 1200, "only those by cosine"),
        (["mutual_knn", "cknna"], 1200, "only those by cosine"),
        (["mutual_knn"], 1000, "in float64, or so few"),
        (["cka"], 1000, "in float64, or so few"),
    ],
)
def test_where_fast_products_do_not_serve_the_exact_ones_are_used(features, metrics, rows, why):
    some = {k: v[:rows] for k, v in features.items() if k != "m/1500"}
    exact, fast = (cs.compare(some, metrics=metrics, precision=p) for p in ("exact", "fast"))
    np.testing.assert_array_equal(exact["score"], fast["score"])
    assert why in json.loads(fast.attrs["notes"])[str(fast["metric"].values[0])]["precision"]


def test_moments_have_no_tiles(features):
    long = {"x": np.tile(features["m/300"], (20, 1))}
    notes = cs.compare(long, precision="fast").attrs["notes"]
    assert "moments need fewer products than tiles" in notes


def test_auto_uses_them_where_the_error_cannot_be_seen(monkeypatch):
    """Two latents decide every CKA: its standard errors are a thousand times the error of the products."""
    rng = np.random.default_rng(2)
    latent = rng.normal(size=(1200, 4))
    x = {
        f"m/{k}": (latent[:, k : k + 2] @ rng.normal(size=(2, 700)) + rng.normal(size=(1200, 700))).astype(
            np.float32
        )
        for k in range(3)
    }
    monkeypatch.setattr(precision, "low_gain", lambda device: 1.0)
    assert "no faster than float32" in cs.compare(x, precision="auto").attrs["notes"]
    monkeypatch.setattr(precision, "low_gain", lambda device: 3.0)
    exact, auto = cs.compare(x), cs.compare(x, precision="auto")
    assert told(auto)["precision"] == "fast"
    apart = ~np.eye(3, dtype=bool)
    assert (
        0
        < np.abs(auto["score"] - exact["score"]).values[0][apart].max()
        < exact["se"].values[0][apart].min() / 50
    )


def test_auto_falls_back_where_the_error_can_be_seen(features, monkeypatch):
    monkeypatch.setattr(precision, "low_gain", lambda device: 3.0)
    monkeypatch.setattr(precision, "SHARE", 1e9)
    auto = cs.compare(features, precision="auto")
    assert "exact: fast products bring an error of" in told(auto)["precision"]
    np.testing.assert_array_equal(auto["score"], cs.compare(features)["score"])


def told(table):
    return next(iter(json.loads(table.attrs["notes"]).values()))


def test_auto_without_standard_errors_is_exact(features):
    assert "no standard errors" in cs.compare(features, precision="auto", se=False).attrs["notes"]


def test_an_unknown_precision_is_refused(features):
    with pytest.raises(cs.BadInput, match="choose one of: auto, exact, fast"):
        cs.compare(features, precision="bf16")


LISTS = [
    "mutual_knn", "jaccard_knn:k=7", "cycle_knn", "lcs_knn", "edit_knn", "rank_knn", "second_order_cosine:k=4",
]  # fmt: skip


def test_neighbours_in_few_digits_give_the_scores_of_exact_ones(features):
    exact, fast = (
        cs.compare(features, metrics=LISTS, precision=p, permutations=2) for p in ("exact", "fast")
    )
    for name in ("score", "se", "z"):
        np.testing.assert_allclose(fast[name], exact[name], atol=1e-12, equal_nan=True)
    for note in json.loads(fast.attrs["notes"]).values():
        assert note["precision"] == "fast"
        assert note["in float32"] == []
        assert note["entries alike"] == 1
        assert note["measured on"] == 128


def test_sums_and_neighbours_are_each_made_fast(features):
    fast = cs.compare(features, metrics=["mutual_knn", "cka"], precision="fast")
    notes = json.loads(fast.attrs["notes"])
    assert [note["precision"] for note in notes.values()] == ["fast", "fast"]
    alone = cs.compare(features, metrics=["cka"], precision="fast")
    np.testing.assert_array_equal(fast["score"][1], alone["score"][0])
    np.testing.assert_array_equal(fast["score"][0], cs.compare(features, metrics=["mutual_knn"])["score"][0])


@pytest.mark.parametrize("steps", [["centre", "l2"], ["random_projection:components=64"]])
def test_neighbours_of_preprocessed_and_of_half_precision_features(features, steps):
    x = {name: features[name].astype(np.float16) for name in ("m/300", "m/600")}
    exact, fast = (
        cs.compare(x, metrics=["mutual_knn"], preprocess=steps, precision=p) for p in ("exact", "fast")
    )
    np.testing.assert_array_equal(fast["score"], exact["score"])
    made_anew = len(steps) == 1  # features that a matrix product makes whenever they are read
    assert told(fast)["precision"].startswith("exact: few digits" if made_anew else "fast")


def test_auto_finds_neighbours_in_few_digits_where_that_is_faster_and_right(features, monkeypatch):
    monkeypatch.setattr(precision, "digits_gain", lambda device: 1.0)
    auto = cs.compare(features, metrics=["mutual_knn"], precision="auto", se=False)
    assert "8-bit integers no faster than float32" in told(auto)["precision"]
    monkeypatch.setattr(precision, "digits_gain", lambda device: 3.0)
    auto = cs.compare(features, metrics=["mutual_knn"], precision="auto", se=False)
    assert told(auto)["precision"] == "fast"
    monkeypatch.setattr(candidates, "LEAST_ALIKE", 1.1)  # as if an entry were another
    auto = cs.compare(features, metrics=["mutual_knn"], precision="auto", se=False)
    assert told(auto)["precision"].startswith("exact: few digits do not serve")


def test_a_processor_that_saturates_sums_makes_none(features, monkeypatch):
    monkeypatch.setattr(precision, "digits_gain", lambda device: 0.0)
    fast = cs.compare(features, metrics=["mutual_knn"], precision="fast")
    assert "does not sum up products of 8-bit integers exactly" in told(fast)["precision"]


def test_the_gain_of_fast_products_is_measured():
    assert low_gain() > 0
