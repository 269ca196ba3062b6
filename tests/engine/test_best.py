"""The best layer pair of two models: literally, for every metric; what it takes, gives and refuses."""

import json
from typing import Any

import numpy as np
import pytest
from references import REFERENCE

import consilience as cs
from consilience.engine.inference.null import orders
from consilience.engine.metrics.registry import parse
from consilience.engine.scoring import crosses, permuted
from consilience.engine.scoring.permuted import serves

PERMUTATIONS = 19
KNOWN = [m for m in REFERENCE if serves(parse(m))]
LAYERS = (("a", "0", 4), ("b", "0", 5), ("a", "1", 6), ("c", "0", 4), ("b", "1", 3))


def layers(n=30, seed=0, related=1.0):
    """Three models of two layers or one, in an order that mixes them up."""
    rng = np.random.default_rng(seed)
    shared = related * rng.normal(size=(n, 3))
    return {f"{m}/{l}": shared @ rng.normal(size=(3, d)) + rng.normal(size=(n, d)) for m, l, d in LAYERS}


@pytest.fixture(scope="module")
def tables():
    x = layers()
    return x, cs.best_layers(x, metrics=KNOWN, permutations=PERMUTATIONS), cs.compare(
        x, metrics=KNOWN, se=False, null=False
    )  # fmt: skip


@pytest.mark.parametrize("metric", sorted(set(REFERENCE) - set(KNOWN)))
def test_metrics_that_one_sweep_cannot_permute_are_refused(metric):
    with pytest.raises(cs.BadInput, match="choose the layers on one half"):
        cs.best_layers(layers(), metrics=[metric], permutations=PERMUTATIONS)


@pytest.mark.parametrize("metric", sorted(KNOWN))
def test_the_null_is_the_best_pair_under_one_permutation_of_all_layers(tables, metric):
    x, found, _ = tables
    of, request = REFERENCE[metric], parse(metric)
    best = np.nanmax if request.metric.direction == "similarity" else np.nanmin
    for a, b in [("a", "b"), ("b", "a")][: 1 + (not request.symmetric)]:
        one = found.sel(metric=request.id, a=a, b=b)
        here, there = ([v for k, v in x.items() if k[0] == m] for m in (a, b))
        # Of the two models the later one is permuted, but for directed metrics on neighbours: there it is b's.
        second = request.needs == "neighbours" and not request.symmetric
        bests = []
        for order in orders(30, PERMUTATIONS, 0):
            rows = (slice(None), order) if a < b or second else (order, slice(None))
            scores = np.array([of(v[rows[0]], w[rows[1]]) for v in here for w in there])
            bests.append(best(scores) if np.isfinite(scores).any() else np.nan)
        draws = np.array(bests)
        score = float(one["score"])
        if np.isnan(score):
            assert np.isnan(draws).all()
            assert np.isnan(one["p"])
            continue
        better = draws >= score - 1e-9 if request.metric.direction == "similarity" else draws <= score + 1e-9
        np.testing.assert_allclose(one["null_mean"], draws.mean(), atol=1e-9)
        np.testing.assert_allclose(one["null_sd"], draws.std(ddof=1), atol=1e-9)
        np.testing.assert_allclose(one["p"], (1 + better.sum()) / (1 + PERMUTATIONS))
        # Of 20 values the 19th, counted from the worse end.
        want = sorted([*draws, score])[18 if request.metric.direction == "similarity" else 1]
        np.testing.assert_allclose(one["threshold"], want, atol=1e-9)


def test_the_best_pair_is_that_of_the_score_table(tables):
    _, found, scores = tables
    for metric in found["metric"].values:
        one = scores["score"].sel(metric=metric)
        sign = -1 if found["direction"].sel(metric=metric) == "distance" else 1
        for a in "abc":
            for b in "abc":
                here = found.sel(metric=metric, a=a, b=b)
                block = one[(one["model_a"] == a).values, (one["model_b"] == b).values]
                if a == b or not np.isfinite(block).any():
                    assert np.isnan(here["score"])
                    assert here["layer_a"] == here["layer_b"] == ""
                    continue
                at = f"{a}/{here['layer_a'].item()}", f"{b}/{here['layer_b'].item()}"
                np.testing.assert_allclose(here["score"], block.sel(a=at[0], b=at[1]), rtol=1e-12)
                np.testing.assert_allclose(here["score"], sign * float((sign * block).max()), rtol=1e-12)


def test_the_table(tables):
    _, found, _ = tables
    assert found["score"].dims == ("metric", "a", "b")
    assert list(found["a"].values) == list(found["b"].values) == ["a", "b", "c"]
    assert found.attrs["permutations"] == PERMUTATIONS
    assert json.loads(found.attrs["join"]) == {"rows": 30, "dropped": {}}
    assert json.loads(found.attrs["metrics"])["svcca:variance=0.99"]["source"] == "Raghu et al. 2017"
    for metric in found["metric"].values:  # of a symmetric metric both orders of two models say the same
        if parse(metric).symmetric:
            one = found[["score", "null_mean", "null_sd", "threshold", "p", "calibrated"]].sel(metric=metric)
            for value in one.values():
                np.testing.assert_array_equal(value, value.T)
    small = (found["p"] <= 0.05) & (found["metric"] != "cca:ridge=0,summary=sum")  # which has no best score
    np.testing.assert_array_equal(found["calibrated"] > 0, small)


def test_two_sides_are_compared_across_only():
    x = layers()
    left = {k: v for k, v in x.items() if k[0] in "ac"}
    right = {k: v for k, v in x.items() if k[0] in "bc"}
    some = cs.best_layers(left, right, ["cka", "linreg", "cycle_knn:k=3"], permutations=19)
    whole = cs.best_layers(x, metrics=["cka", "linreg", "cycle_knn:k=3"], permutations=19)
    assert [list(some[side].values) for side in "ab"] == [["a", "c"], ["b", "c"]]
    assert np.isnan(some["score"].sel(a="c", b="c")).all()
    for a, b in (("a", "b"), ("a", "c")):
        for name in ("score", "null_mean", "p"):
            np.testing.assert_allclose(
                some[name].sel(a=a, b=b), whole[name].sel(a=a, b=b), rtol=1e-9, err_msg=name
            )


def test_the_seed_decides_the_permutations():
    x = layers(related=0.0)
    first, again, other = (cs.best_layers(x, permutations=19, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first["null_mean"], again["null_mean"])
    assert (first["null_mean"] != other["null_mean"]).sel(a="a", b="b").all()
    np.testing.assert_array_equal(first["score"], other["score"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_more_samples_than_are_computed_in_float64(monkeypatch, dtype):
    """Held and by moments, in the precision of the pass, against each other."""
    rng = np.random.default_rng(3)
    x = {f"{m}/{l}": (rng.normal(size=(1100, 20)) + 3).astype(dtype) for m in "ab" for l in range(2)}
    found = []
    for cheaper in (True, False):
        monkeypatch.setattr(crosses, "_moments_are_cheaper", lambda setting, choice=cheaper: choice)
        found.append(cs.best_layers(x, metrics=["cka", "cka:estimator=biased"], permutations=30))
    for name in ("score", "null_mean", "null_sd", "threshold"):
        one, other = (t[name].sel(a="a", b="b") for t in found)
        np.testing.assert_allclose(one, other, atol=2e-7, err_msg=name)


def test_a_tight_budget_gives_the_same(monkeypatch):
    x = layers(400)
    metrics = ["cka", "rsa", "mutual_knn", "procrustes"]
    wide, tight = (cs.best_layers(x, metrics=metrics, permutations=19, budget=b) for b in ("8GB", "300MB"))
    monkeypatch.setattr(permuted, "ARRAYS", 10**9)  # one permutation at a time
    single = cs.best_layers(x, metrics=metrics, permutations=19)
    for name in ("score", "null_mean", "null_sd", "p"):
        for table in (tight, single):
            np.testing.assert_allclose(table[name], wide[name], atol=1e-9, err_msg=name)


def test_progress_reaches_the_end_of_every_stage():
    seen: dict[str, tuple[float, float]] = {}
    cs.best_layers(
        layers(200), metrics=["cka", "mutual_knn", "svcca", "rsa"], permutations=19,
        progress=lambda stage, done, total: seen.update({stage: (done, total)}),
    )  # fmt: skip
    assert "permutations" in seen
    for stage, (done, total) in seen.items():
        assert done == pytest.approx(total), stage


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "one model": (
        {"a": {"m/0": np.eye(9), "m/1": np.eye(9) * 2}},
        "layers of two models or more; got those of m",
    ),
    "few permutations": ({"permutations": 18}, "permutations of 19 or more"),
    "unknown metric": ({"metrics": ["ckaa"]}, "did you mean 'cka'"),
    "k too large": ({"metrics": ["mutual_knn:k=40"]}, "use k <= 29"),
    "three samples": ({"a": {"m/0": np.eye(3), "n/0": np.eye(3)}}, "at least 4 samples"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_input_refused(case):
    options, words = REFUSED[case]
    with pytest.raises(cs.BadInput, match=words):
        cs.best_layers(**{"a": layers(), **options})


def test_matrices_that_do_not_fit_are_refused_before_any_compute():
    rng = np.random.default_rng(4)
    x = {f"{m}/0": rng.normal(size=(8000, 3)).astype(np.float32) for m in "ab"}
    seen: list[str] = []
    with pytest.raises(cs.BadInput, match=r"two 8,000 × 8,000 matrices for 'rsa:.*400.0 MB; got 1.5 GB"):
        cs.best_layers(x, metrics=["rsa"], budget="400MB", progress=lambda stage, *_: seen.append(stage))
    assert not seen
    assert np.isfinite(
        cs.best_layers(x, metrics=["cka"], budget="400MB", permutations=19)["p"].sel(a="a", b="b")
    )
