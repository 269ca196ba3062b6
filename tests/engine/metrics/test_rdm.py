"""RDMs in place of features: the values of their definitions, and of the features that they were made of."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import reference
import rsatoolbox
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_rdm import REFERENCE
from scipy.spatial.distance import cdist, squareform

import consilience as cs
from consilience.connectors.datasets import kriegeskorte92
from consilience.engine.comparison import Comparison
from consilience.engine.metrics.registry import parse, registered

# Metrics of features, and the dissimilarities that hold all they look at.
ALIKE = {
    "cka": "sqeuclidean",
    "cka:estimator=biased": "sqeuclidean",
    "cka:batch=8,estimator=minibatch": "sqeuclidean",
    "cka:kernel=rbf": "sqeuclidean",
    "distance_correlation": "sqeuclidean",
    "rsa:rdm=euclidean": "sqeuclidean",
    "rsa:compare=pearson,rdm=euclidean": "sqeuclidean",
    "rsa:compare=rho_a,rdm=euclidean": "sqeuclidean",
    "rsa:compare=whitened_cosine,rdm=euclidean": "sqeuclidean",
    "rsa:compare=kendall,rdm=euclidean": "sqeuclidean",
    "mutual_knn:distance=euclidean,k=3": "sqeuclidean",
    "second_order_cosine:distance=euclidean,k=3": "sqeuclidean",
    "lcs_knn:distance=euclidean,k=3": "sqeuclidean",
    "rsa:rdm=cosine": "cosine",
    "mutual_knn:k=3": "cosine",
    "jaccard_knn:k=3": "cosine",
    "cycle_knn:k=3": "cosine",
    "second_order_cosine:k=3": "cosine",
    "rsa": "correlation",
    "rsa:compare=cosine": "correlation",
}


@st.composite
def pairs(draw):
    """Two representations with something in common."""
    n, d1, d2 = draw(st.integers(24, 70)), draw(st.integers(3, 12)), draw(st.integers(3, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shared, scale = rng.normal(size=(n, 3)), 10.0 ** draw(st.integers(-3, 3))
    return [
        (shared @ rng.normal(size=(3, d)) + draw(st.sampled_from([0.3, 2.0])) * rng.normal(size=(n, d)) + 1)
        * scale
        for d in (d1, d2)
    ]


def of(x: np.ndarray, kind: str, ids: Sequence[str] | None = None) -> cs.RDM:
    made = cdist(x, x, kind)
    return cs.RDM((made + made.T) / 2, ids)


def table(a: dict[str, Any], b: dict[str, Any], metrics: Sequence[str], rows: int, **options: Any) -> Any:
    """The score table, from tiles of at most so many rows."""
    comparison = Comparison(a, b, metrics, **options)
    plan = replace(comparison.plan(), tile_rows=rows, strip_rows=2 * rows)
    comparison.plan = lambda *_: plan  # type: ignore[method-assign]
    return comparison.run()


@given(pairs(), st.integers(2, 80))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_rdm_agrees_with_the_definitions_to_1e_9(pair, rows):
    d, e = (of(x, "sqeuclidean").values for x in pair)
    scores = table({"d": cs.RDM(d)}, {"e": cs.RDM(e)}, list(REFERENCE), rows, se=False, null=False, groups=3)
    for metric, got in zip(REFERENCE, scores["score"].values[:, 0, 0]):
        want = REFERENCE[metric](d, e)
        assert np.isnan(got) == np.isnan(want), (metric, got, want)
        assert np.isnan(got) or abs(got - want) < 1e-9, (metric, got, want)


@given(pairs(), st.integers(2, 80), st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_rdm_scores_as_its_features_with_se_and_null_on_a_permuted_subset(pair, rows, random):
    x, y = pair
    n = len(x)
    order = random.sample(range(n), n)
    others = random.sample(range(n), n - 3)  # three samples that y has not
    ids = [f"s{i}" for i in range(n)]
    reordered = [ids[i] for i in order]
    import xarray as xr

    def named(z: np.ndarray, names: Sequence[str]) -> xr.DataArray:
        return xr.DataArray(z, dims=("sample", "unit"), coords={"sample": list(names)})

    right = named(y[others], [ids[i] for i in others])
    for kind in ("sqeuclidean", "cosine", "correlation"):
        metrics = [m for m, k in ALIKE.items() if k == kind]
        options = {"groups": 4, "permutations": 3}
        want = cs.compare({"x": named(x[order], reordered)}, {"y": right}, metrics, **options)
        got = table({"x": of(x[order], kind, reordered)}, {"y": right}, metrics, rows, **options)
        assert json.loads(got.attrs["join"]) == json.loads(want.attrs["join"])
        for name in ("score", "se", "null_mean", "score_select", "score_holdout", "se_holdout"):
            np.testing.assert_allclose(got[name], want[name], atol=1e-9, rtol=0, err_msg=f"{kind} {name}")
        np.testing.assert_allclose(got["z"], want["z"], rtol=1e-6, atol=1e-6)


def test_cknna_of_an_rdm_is_that_of_centred_features():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 6)), rng.normal(size=(50, 4))
    x[:, :4] += y
    x -= x.mean(0)
    want, got = (cs.compare({"x": z}, {"y": y}, ["cknna"]) for z in (x, of(x + 5, "sqeuclidean")))
    for name in ("score", "se", "null_mean", "p"):
        np.testing.assert_allclose(got[name], want[name], atol=1e-9, err_msg=name)


def test_classes_and_random_batches():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(40, 6)), rng.normal(size=(40, 4))
    y += x[:, :4]
    labels = np.arange(40) % 3
    got = cs.score("cka:by=label", of(x, "sqeuclidean"), y, labels=labels)
    assert abs(got - reference.cka_of_classes(x, y, labels)) < 1e-9


@pytest.mark.parametrize("metric", ["cka", "mutual_knn:distance=euclidean"])
def test_random_parts_of_all_pairs_are_those_of_features(metric):
    """Enough samples for `until_se`, in float32."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(10_240, 2)).astype(np.float32)
    y = x + rng.normal(size=x.shape).astype(np.float32)
    made = np.maximum(((x[:, None, 0] - x[None, :, 0]) ** 2 + (x[:, None, 1] - x[None, :, 1]) ** 2), 0)
    want, got = (cs.compare({"x": z}, {"y": y}, [metric], until_se=0.02) for z in (x, cs.RDM(made)))
    assert got["n"] == want["n"]
    np.testing.assert_allclose(got["score"], want["score"], atol=1e-5)
    np.testing.assert_allclose(got["se"], want["se"], atol=1e-5)


def test_float32_rdms_of_more_samples_than_are_computed_in_float64():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(1100, 8))
    y = x[:, :5] + rng.normal(size=(1100, 5))
    d, e = (of(z, "sqeuclidean").values.astype(np.float32) for z in (x, y))
    metrics = [m for m in REFERENCE if m != "cka:kernel=rbf"]  # whose median is that of 1,024 samples
    scores = cs.compare({"d": cs.RDM(d)}, {"e": cs.RDM(e)}, metrics, se=False, null=False)
    for metric, got in zip(metrics, scores["score"].values[:, 0, 0]):
        assert abs(got - REFERENCE[metric](d.astype(float), e.astype(float))) < 1e-5, metric


@pytest.mark.parametrize("magnitude", [2.0**-40, 2.0**40])
def test_the_unit_of_the_dissimilarities_does_not_matter(magnitude):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(1100, 5)), rng.normal(size=(1100, 4)).astype(np.float32)
    d = of(x, "sqeuclidean").values
    for metric in ("cka", "rsa", "mutual_knn", "distance_correlation"):
        want, got = (cs.score(metric, cs.RDM((d * m).astype(np.float32)), y) for m in (1.0, magnitude))
        assert abs(got - want) < 1e-9, metric


METHODS = ["spearman", "corr", "cosine", "tau-a", "rho-a", "cosine_cov"]
NAMES = {"corr": "pearson", "tau-a": "kendall", "rho-a": "rho_a", "cosine_cov": "whitened_cosine"}


@pytest.mark.parametrize("method", METHODS)
def test_the_comparison_of_two_rdms_equals_another_package(method):
    rng = np.random.default_rng(6)
    shared = rng.random(190)
    condensed = [np.round(shared + rng.random(190), 1) for _ in range(2)]  # with ties
    rdms: list[Any] = [rsatoolbox.rdm.RDMs(v[None]) for v in condensed]
    want = rsatoolbox.rdm.compare(rdms[0], rdms[1], method=method)[0, 0]
    got = cs.score(
        f"rsa:compare={NAMES.get(method, method)}", cs.RDM(condensed[0]), cs.RDM(squareform(condensed[1]))
    )
    assert abs(got - want) < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_published_rdms_are_compared_as_by_another_package(method, data_sets):
    """Human and monkey temporal cortex, 92 pictures: sessions of every subject, and what stands beside them."""
    sessions = [kriegeskorte92.human(name) for name in kriegeskorte92.HUMANS]
    every = [
        *(m for both in sessions for m in both),
        *map(kriegeskorte92.reference, kriegeskorte92.REFERENCES),
    ]
    condensed = [squareform(m, checks=False) for m in every]
    rdms: Any = rsatoolbox.rdm.RDMs(np.array(condensed))
    want = rsatoolbox.rdm.compare(rdms, rdms, method=method)
    metric = f"rsa:compare={NAMES.get(method, method)}"
    table = cs.compare(
        {f"m{k:02d}": cs.RDM(c) for k, c in enumerate(condensed)}, metrics=[metric], se=False, null=False
    )
    got, apart = table["score"].values[0], ~np.eye(len(every), dtype=bool)
    assert len(every) == 10
    np.testing.assert_allclose(got[apart], want[apart], rtol=0, atol=1e-6)


def test_negative_dissimilarities_are_compared_as_they_are_and_nearest_to_all():
    rng = np.random.default_rng(7)
    d, e = (squareform(rng.normal(0.3, 1, size=190)) for _ in range(2))
    for compare in ("spearman", "cosine"):
        want = REFERENCE["rsa" if compare == "spearman" else "rsa:compare=cosine,rdm=euclidean"](d, e)
        assert abs(cs.score(f"rsa:compare={compare},rdm=euclidean", cs.RDM(d), cs.RDM(e)) - want) < 1e-9
    assert abs(cs.score("cka", cs.RDM(d), cs.RDM(e)) - REFERENCE["cka"](d, e)) < 1e-9
    clipped = [np.maximum(z, 0) for z in (d, e)]
    for metric in ("distance_correlation", "cka:kernel=rbf", "mutual_knn:k=3"):
        assert abs(cs.score(metric, cs.RDM(d), cs.RDM(e)) - REFERENCE[metric](*clipped)) < 1e-9, metric


def test_the_best_layer_of_a_model_for_an_rdm():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(40, 5))
    layers = {f"model/{k}": x + k * rng.normal(size=x.shape) for k in range(3)}
    metrics = ["cka", "rsa:rdm=euclidean", "mutual_knn:distance=euclidean"]
    want, got = (
        cs.best_layers({"brain/it": z}, layers, metrics, permutations=19) for z in (x, of(x, "sqeuclidean"))
    )
    for name in ("score", "threshold", "p"):
        np.testing.assert_allclose(got[name], want[name], atol=1e-9, err_msg=name)
    assert set(got["layer_b"].values.ravel()) == {"0"}


def test_the_table_says_which_representations_were_rdms():
    rng = np.random.default_rng(9)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    scores = cs.compare({"brain/it": of(x, "cosine")}, {"y": y}, ["rsa"])
    assert str(scores["metric"].values[0]) == "rsa:compare=spearman,rdm=correlation"
    assert json.loads(scores.attrs["notes"])["rsa:compare=spearman,rdm=correlation"] == {
        "RDMs as given": ["brain/it"]
    }
    assert json.loads(cs.compare({"x": x}, {"y": y}, ["rsa"]).attrs["notes"]) == {}


UNITS = sorted(n for n, m in registered().items() if not parse(n).of_rdms and not m.single)


@pytest.mark.parametrize("metric", [*UNITS, "cka:estimator=unbiased_both", "rsa:rdm=crossnobis"])
def test_metrics_that_need_units_refuse_an_rdm_by_name(metric):
    rng = np.random.default_rng(10)
    x = rng.normal(size=(30, 3))
    text = rf"features in 'it' for '{parse(metric).id}'; got an RDM, which has no units. Fix: .* compare by cka, cknna"
    with pytest.raises(cs.BadInput, match=text):
        cs.compare({"it": of(x, "cosine")}, {"x": x}, [metric])


def test_those_metrics_are_the_ones_of_units():
    assert {"cca", "linreg", "procrustes", "riemann", "mnn", "stitch", "unit_match"} <= set(UNITS)
    assert not {"cka", "rsa", "mutual_knn", "cknna", "distance_correlation"} & set(UNITS)


def test_what_makes_no_sense_of_an_rdm_is_refused():
    rng = np.random.default_rng(11)
    x = rng.normal(size=(30, 3))
    rdm = of(x, "cosine")
    with pytest.raises(cs.BadInput, match="features in 'it' for 'participation_ratio'; got an RDM"):
        cs.profile({"it": rdm}, ["participation_ratio"])
    with pytest.raises(cs.BadInput, match="features as x; got an RDM"):
        cs.audit(rdm, x)
    with pytest.raises(
        cs.BadInput, match=r"features in 'it' for l2; got an RDM.*preprocess=\{model: steps\}"
    ):
        cs.compare({"it": rdm}, {"x": x}, preprocess=["l2"])
    got = cs.compare({"it": rdm}, {"x": x}, ["rsa:rdm=euclidean"], preprocess={"x": ["l2"]})
    # Squared distances of unit rows are twice their cosine distances.
    assert abs(float(got["score"].values[0, 0, 0]) - 1) < 1e-9


def test_a_constant_rdm_is_refused():
    x = np.random.default_rng(12).normal(size=(20, 3))
    with pytest.raises(
        cs.BadInput, match="dissimilarities that vary in 'it'; got the same between all 20 samples"
    ):
        cs.compare({"it": cs.RDM(1 - np.eye(20))}, {"x": x})


def test_the_plan_counts_the_entries_and_no_units():
    x = np.random.default_rng(13).normal(size=(400, 300))
    rdm, features = (
        Comparison({"it": z}, {"y": x[:, :7]}, ["cka"]).plan() for z in (of(x, "sqeuclidean"), x)
    )
    assert not rdm.linear_by_moments
    assert rdm.steps[0].flops == 400**2 * (1 + 7 + 4)
    assert rdm.steps[0].bytes > 400**2 / 2 * 8
    assert features.steps[0].flops > rdm.steps[0].flops
