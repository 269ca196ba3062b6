"""Fast products: close to the exact ones where they are used, and used only where they serve."""

import json

import numpy as np
import pytest
import torch

import consilience as cs
from consilience.engine.linalg import low_gain, low_product
from consilience.engine.scoring import precision


@pytest.fixture(scope="module")
def features():
    """More samples than are computed in float64, with what is hard for few digits."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(1200, 6))
    x = {
        f"m/{d}": (shared @ rng.normal(size=(6, d)) + rng.normal(size=(1200, d))).astype(np.float32)
        for d in (300, 400, 600, 1500)
    }
    x["m/300"][:, 3] *= 200  # an outlier unit
    x["m/400"] += 50  # large means
    return x  # and n < d


def test_fast_scores_are_close_and_carry_the_error(features):
    metrics = ["cka", "cka:estimator=biased"]
    exact, fast = (cs.compare(features, metrics=metrics, precision=p) for p in ("exact", "fast"))
    error = np.abs(fast["score"] - exact["score"]).max()
    assert 0 < error < 5e-5
    np.testing.assert_allclose(fast["se"], exact["se"], atol=5e-5)
    for note in json.loads(fast.attrs["notes"]).values():
        assert note["precision"] == "fast"
        assert note["measured on"] == 256
        assert error / 3 < note["largest error"] < 4e-4  # an estimate, from few samples
    assert json.loads(exact.attrs["notes"]) == {}


@pytest.mark.parametrize(
    ("metrics", "rows", "why"),
    [
        (["cka", "rsa"], 1200, "only sums of the linear kernel"),
        (["cka:estimator=unbiased_both"], 1200, "sums over single units"),
        (["mutual_knn"], 1200, "only sums of the linear kernel"),
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


def test_products_of_bfloat16():
    rng = np.random.default_rng(1)
    x, y = (torch.from_numpy(rng.normal(size=(30, 64)).astype(np.float32)).bfloat16() for _ in range(2))
    out = torch.empty(30, 30)
    low_product(x, y.T, out)
    want = x.double() @ y.double().T
    assert (out - want).abs().max() < 2.0**-8 * want.abs().max()
    assert low_gain() > 0
