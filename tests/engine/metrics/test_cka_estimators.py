"""CKA within classes and batches, and corrected for units that were not recorded."""

import json

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

import consilience as cs
from consilience.engine.metrics.registry import parse


def related(n, d, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 4))
    return tuple(shared @ rng.normal(size=(4, w)) + noise * rng.normal(size=(n, w)) for w in d)


@given(st.integers(20, 90), st.integers(1, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_class_conditional(n, classes, seed):
    x, y = related(n, (5, 7), seed)
    labels = np.random.default_rng(seed).integers(0, classes, n)
    for estimator in ("unbiased", "biased"):
        want = reference.cka_of_classes(x, y, labels, estimator)
        got = cs.score({"name": "cka", "estimator": estimator}, x, y, by=labels)
        assert (np.isnan(got) and np.isnan(want)) or abs(got - want) < 1e-9


def test_class_conditional_scores_have_errors_and_an_exact_null():
    """Permuting the samples within their class: 4,000 times, and by the moments."""
    x, y = related(60, (4, 5), noise=3.0)
    labels = np.repeat(["cat", "dog", "bird"], 20)
    table = cs.compare({"x": x}, {"y": y}, ["cka"], by=labels)
    assert str(table["metric"].values[0]) == "cka:by=label,estimator=unbiased,kernel=linear"
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(4000):
        order = np.concatenate([k + rng.permutation(20) for k in (0, 20, 40)])
        draws.append(reference.cka_of_classes(x, y[order], labels))
    one = table.isel(metric=0, a=0, b=0)
    assert abs(float(one["null_mean"]) - np.mean(draws)) < 4 * np.std(draws) / np.sqrt(4000)
    sd = (float(one["score"]) - float(one["null_mean"])) / float(one["z"])
    assert abs(sd / np.std(draws) - 1) < 0.05
    assert abs(float(one["p"]) - np.mean(np.array(draws) >= float(one["score"]))) < 0.02
    assert 0 < float(one["se"]) < 0.3
    assert np.isfinite(one["score_select"])
    assert np.isfinite(one["z_holdout"])


def test_labels_are_matched_by_sample_id_and_small_classes_are_counted(tmp_path):
    x, y = related(30, (4, 5))
    ids = [f"s{i}" for i in range(30)]
    store = cs.FeatureStore(tmp_path)
    tables = [store.write(name, "set", ids, {"l": z}) for name, z in (("x", x), ("y", y))]
    labels = {i: ("rare" if k < 3 else "common") for k, i in enumerate(ids)}
    table = cs.compare(tables[:1], tables[1:], ["cka:by=label", "cka"], labels=dict(reversed(labels.items())))
    assert abs(float(table["score"][0, 0, 0]) - reference.cka(x[3:], y[3:])) < 1e-9
    assert abs(float(table["score"][1, 0, 0]) - reference.cka(x, y)) < 1e-9
    notes = json.loads(table.attrs["notes"])["cka:by=label,estimator=unbiased,kernel=linear"]
    assert notes == {"classes": 1, "classes with too few samples": {"rare": 3}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["cka:by=label"]}, "labels of the samples for 'cka:by=label"),
        ({"metrics": ["rsa"], "by": [0] * 20}, "a metric that uses labels"),
        ({"by": [0] * 19}, "one label for each of 20 samples"),
        ({"by": {"s0": 0}}, "labels in the order of the rows"),
        ({"by": np.arange(20)}, "at least one class of 4 samples"),
        ({"by": [None] * 20}, "a label for every sample"),
        (
            {"metrics": ["cka:by=label,estimator=minibatch"], "by": [0] * 20},
            "either estimator=minibatch or by=label",
        ),
        (
            {"metrics": ["cka:estimator=unbiased_both,kernel=rbf"]},
            "kernel=linear with estimator=unbiased_both",
        ),
    ],
)
def test_labels_and_estimators_that_do_not_fit_are_refused(options, message):
    x, y = related(20, (3, 3))
    with pytest.raises(cs.BadInput, match=message):
        cs.compare({"x": x, "y": y}, **options)


def test_labels_that_lack_a_sample_are_refused(tmp_path):
    x, _ = related(20, (3, 3))
    table = cs.FeatureStore(tmp_path).write("x", "set", [f"s{i}" for i in range(20)], {"l": x})
    with pytest.raises(cs.BadInput, match=r"none for 19 of them \('s1', …\)"):
        cs.compare([table], by={"s0": 1})
    with pytest.raises(cs.BadInput, match="labels by sample id, because the features have ids"):
        cs.compare([table], by=[1] * 20)


def test_ids_name_what_differs():
    assert parse({"name": "cka", "by": "label"}).id == "cka:by=label,estimator=unbiased,kernel=linear"
    assert parse({"name": "cka", "by": "none"}).id == "cka:estimator=unbiased,kernel=linear"
    assert parse("cka", by="label").id == "cka:by=label,estimator=unbiased,kernel=linear"
    assert parse("cka:estimator=minibatch").id == "cka:batch=256,estimator=minibatch,kernel=linear"
    with pytest.raises(cs.BadInput, match="leave batch out, or add estimator=minibatch"):
        parse("cka:batch=64")


def test_one_batch_is_the_whole():
    x, y = related(100, (4, 6))
    for kernel in ("linear", "rbf"):
        whole = cs.score({"name": "cka", "kernel": kernel}, x, y)
        one = {"name": "cka", "kernel": kernel, "estimator": "minibatch", "batch": 100}
        assert abs(cs.score(one, x, y) - whole) < 1e-12


def test_batches_are_a_sample_of_the_pairs():
    """Over seeds, the mean is the score of all pairs; the jackknife's error covers the population's value."""
    x, y = related(1200, (8, 8), noise=2.0)
    x, y = x.astype(np.float32), y.astype(np.float32)
    whole = cs.score("cka", x, y)
    tables = [cs.compare({"x": x}, {"y": y}, ["cka:batch=60,estimator=minibatch"], seed=s) for s in range(40)]
    scores = np.array([float(t["score"][0, 0, 0]) for t in tables])
    assert abs(scores.mean() - whole) < 4 * scores.std() / np.sqrt(40)
    assert json.loads(tables[0].attrs["notes"]) == {
        "cka:batch=60,estimator=minibatch,kernel=linear": {"batches": 20}
    }
    errors = [float(t["se"][0, 0, 0]) for t in tables]
    population = [
        cs.score("cka:batch=60,estimator=minibatch", *related_again(x.shape[0], s)) for s in range(60)
    ]
    assert 0.7 < np.mean(errors) / np.std(population) < 1.4


def related_again(n, seed):
    """Other samples of the population of `related(n, (8, 8), noise=2)`."""
    rng = np.random.default_rng(0)
    rng.normal(size=(1200, 4))
    maps = [(rng.normal(size=(4, 8)), rng.normal(size=(1200, 8)))[0] for _ in range(2)]
    rng = np.random.default_rng(1000 + seed)
    shared = rng.normal(size=(n, 4))
    return tuple((shared @ m + 2.0 * rng.normal(size=(n, 8))).astype(np.float32) for m in maps)


def test_recording_few_units_does_not_lower_unbiased_both():
    """Two populations of 4,000 units with 40 latents: `unbiased` of 10 recorded units falls far below the truth."""
    rng = np.random.default_rng(2)
    n, units, latents = 300, 4000, 40
    shared = rng.normal(size=(n, latents))
    x, y = (shared @ rng.normal(size=(latents, units)) + 2.0 * rng.normal(size=(n, units)) for _ in range(2))
    truth = cs.score("cka", x, y)
    few = {}
    for estimator in ("unbiased", "unbiased_both"):
        metric = {"name": "cka", "estimator": estimator}
        few[estimator] = np.median(
            [cs.score(metric, x[:, k : k + 10], y[:, k + 9 : k + 19]) for k in range(0, 400, 10)]
        )
    assert few["unbiased"] < 0.6 * truth
    assert abs(few["unbiased_both"] / truth - 1) < 0.1


def test_a_single_unit_has_no_unbiased_both():
    x, y = related(30, (1, 5))
    table = cs.compare({"x": x}, {"y": y}, ["cka:estimator=unbiased_both"])
    assert np.isnan(table["score"]).all()
    assert "too few samples or units" in table.attrs["reasons"]
