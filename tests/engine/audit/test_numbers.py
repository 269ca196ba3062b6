"""The parts of an audit against the definitions, written out in NumPy."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

import consilience as cs
from consilience.engine.audit.agreement import CKA, METRICS, adjusted, blindness, brief, named
from consilience.engine.audit.dominance import standing_out
from consilience.engine.audit.size import geometric
from consilience.engine.metrics.registry import parse

KNN, SVCCA = "mutual_knn:distance=cosine,k=10", "svcca:variance=0.99"


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    latent = rng.normal(size=(90, 4))
    x = latent @ rng.normal(size=(4, 7)) + rng.normal(size=(90, 7))
    y = latent @ rng.normal(size=(4, 5)) + rng.normal(size=(90, 5))
    return x * [1, 5, 1, 1, 2, 1, 1], y


@pytest.fixture(scope="module")
def audit(data):
    metrics = ["cka", "cka:kernel=rbf", "rsa", "mutual_knn", "svcca", "linreg", "procrustes"]
    return cs.audit(*data, metrics=metrics, top=(1, 3), sizes=(30, 60, 90), repeats=3, seed=4)


def test_agreement(data, audit):
    x, y = data
    want = {
        "cka": reference.cka(x, y), "cka:kernel=rbf": reference.cka_rbf(x, y), "rsa": reference.rsa(x, y),
        "mutual_knn": reference.mutual_knn(x, y, 10), "svcca": reference.svcca(x, y),
        "linreg X to Y": reference.linreg(x, y), "linreg Y to X": reference.linreg(y, x),
        "procrustes": reference.procrustes(x, y),
    }  # fmt: skip
    assert named(audit.agreement["score"]) == pytest.approx(want)
    found = audit.agreement.sel(way="X to Y")
    table = cs.compare({"x": x, "y": y}, metrics=found["metric"].values, seed=4)
    for name in ("se", "null_mean", "z", "p", "calibrated"):
        np.testing.assert_allclose(found[name], table[name][:, 0, 1], rtol=1e-6, err_msg=name)


def test_the_common_scale_runs_from_chance_to_identity(audit):
    found = audit.agreement.sel(way="X to Y")
    want = (found["score"] - found["null_mean"]) / (found["best"] - found["null_mean"])
    np.testing.assert_allclose(found["adjusted"], want)
    assert (found["adjusted_low"] < found["adjusted"]).all()
    assert (found["adjusted"] < found["adjusted_high"]).all()
    assert float(found["best"].sel(metric="procrustes:form=angular,whiten=1")) == 0
    assert adjusted(0.3, 0.3, 1.0) == 0
    assert adjusted(0.0, 1.4, 0.0) == 1
    assert np.isnan(adjusted(1.0, 1.0, 1.0)), "unrelated samples score as identical ones do"


def test_what_a_metric_is_blind_to_is_what_it_declares():
    want = "Blind to the order of the units, rotations, a common scale and shifts; sees other linear maps of the units."
    assert blindness(parse("cka")) == want
    assert blindness(parse("cca")) == "Blind to shifts and invertible linear maps of the units."
    assert (
        blindness(parse("linreg")) == "Blind to shifts and invertible linear maps of the units of the first."
    )
    assert blindness(parse("mutual_knn")).endswith("; sees shifts and other linear maps of the units.")
    assert blindness(parse("unit_match")).endswith("; sees rotations and other linear maps of the units.")


@pytest.mark.parametrize("metric", METRICS)
def test_a_brief_id_says_the_same(metric):
    assert brief(parse(metric).id) == metric


def test_dominance(data, audit):
    for (z, other), side in ((data, "x"), (data[::-1], "y")):
        found = audit.dominance[side]
        values = np.linalg.eigvalsh(np.cov(z.T))[::-1]
        np.testing.assert_allclose(found["share"], z.var(0) / z.var(0).sum())
        np.testing.assert_allclose(found["component_share"], values / values.sum())
        assert float(found["participation_ratio"]) == pytest.approx(values.sum() ** 2 / (values**2).sum())
        units = [reference.hsic_biased(reference.gram(u[:, None]), reference.gram(other)) for u in z.T]
        whole = reference.hsic_biased(reference.gram(z), reference.gram(other))
        np.testing.assert_allclose(found["hsic_share"], np.array(units) / whole)
        assert list(found["listed"].values) == list(np.argsort(-z.var(0)))
        want = [reference.cka(np.delete(z, j, 1), other) for j in found["listed"].values]
        np.testing.assert_allclose(found["cka_without"], want)
        assert (found["se_without"] > 0).all()


def test_no_more_components_than_samples_can_span():
    rng = np.random.default_rng(0)
    audit = cs.audit(rng.normal(size=(30, 40)), rng.normal(size=(30, 3)), metrics=["cka"], sizes=[30])
    found = audit.dominance["x"]
    assert len(found["component"]) == 29
    assert float(found["component_share"].sum()) == pytest.approx(1)


def test_outliers(data, audit):
    x, y = data
    orders = [np.argsort(-z.var(0)) for z in data]
    for i in audit.outliers["top_x"].values:
        for j in audit.outliers["top_y"].values:
            fewer = np.delete(x, orders[0][:i], 1), np.delete(y, orders[1][:j], 1)
            at = audit.outliers.sel(top_x=i, top_y=j)
            assert float(at["score"].sel(metric=CKA)) == pytest.approx(reference.cka(*fewer))
            assert float(at["score"].sel(metric=KNN)) == pytest.approx(reference.mutual_knn(*fewer, 10))
    assert audit.outliers["score"].shape == (2, 3, 3)
    assert (audit.outliers["low"] < audit.outliers["score"]).all()
    np.testing.assert_allclose(audit.outliers["null_mean"].sel(metric=KNN), 10 / 89)


def test_numbers_to_remove_that_leave_nothing_are_passed_over(data):
    audit = cs.audit(*data, metrics=["cka"], top=(2, 5, 7), sizes=[90])
    assert list(audit.outliers["top_x"].values) == [0, 1, 2, 5], (
        "0, the one that stands out, and what was asked for"
    )
    assert list(audit.outliers["top_y"].values) == [0, 2]


def test_size(data, audit):
    x, y = data
    definitions = {
        CKA: reference.cka, "cka:estimator=biased,kernel=linear": lambda x, y: reference.cka(x, y, "biased"),
        KNN: lambda x, y: reference.mutual_knn(x, y, 10), SVCCA: reference.svcca,
    }  # fmt: skip
    assert set(audit.size["metric"].values) == set(definitions)
    for metric, definition in definitions.items():
        found = audit.size.sel(metric=metric)
        for m in (30, 60):
            drawn = [np.random.default_rng([4, m, r]).choice(90, m, replace=False) for r in range(3)]
            want = [definition(x[np.sort(rows)], y[np.sort(rows)]) for rows in drawn]
            np.testing.assert_allclose(found["score"].sel(size=m), want)
            assert float(found["mean"].sel(size=m)) == pytest.approx(np.mean(want))
            assert float(found["sd"].sel(size=m)) == pytest.approx(np.std(want, ddof=1))
        assert float(found["mean"].sel(size=90)) == pytest.approx(definition(x, y))
        assert np.isnan(found["sd"].sel(size=90))
    null = audit.size["null_mean"]
    np.testing.assert_allclose(null.sel(metric=KNN), [10 / 29, 10 / 59, 10 / 89])
    np.testing.assert_allclose(null.sel(metric=CKA), 0)
    assert (null.diff("size").sel(metric=[SVCCA, "cka:estimator=biased,kernel=linear"]) < 0).all()


def test_bias(data, audit):
    x, y = data
    found = audit.bias
    assert float(found["biased"]) == pytest.approx(reference.cka(x, y, "biased"))
    assert float(found["unbiased"]) == pytest.approx(reference.cka(x, y))
    assert float(found["difference"]) == pytest.approx(reference.cka(x, y, "biased") - reference.cka(x, y))
    assert (int(found["n"]), *found["d"].values) == (90, 7, 5)
    assert not found["wide"].any()


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=60), st.integers(1, 6))
def test_what_stands_out(values, most):
    ordered = sorted((v / sum(values) for v in values), reverse=True)
    fitting = [
        k
        for k in range(1, min(most, len(ordered) - 1) + 1)
        if ordered[k - 1] >= 10 * np.mean(ordered[k:]) and sum(ordered[:k]) >= 0.5
    ]
    assert standing_out(np.array(values) / sum(values), most) == max(fitting, default=0)


@pytest.mark.parametrize(
    ("shares", "most", "k"),
    [
        ([0.93, 0.03, 0.02, 0.02], 1, 1),
        ([0.5, 0.4, 0.05, 0.05], 2, 0),
        ([0.5, 0.45, *[0.005] * 10], 2, 2),
        ([1.0], 1, 0),
    ],
)
def test_what_stands_out_by_example(shares, most, k):
    assert standing_out(np.array(shares), most) == k


def test_sizes_halve_down_to_what_a_neighbour_metric_needs():
    assert geometric(2000) == [31, 62, 125, 250, 500, 1000, 2000]
    assert geometric(30) == [30]


def test_same_seed_same_audit(data):
    first, second, other = (
        cs.audit(*data, metrics=["cka", "svcca"], sizes=(30, 90), top=(1,), seed=seed) for seed in (1, 1, 2)
    )
    for part in ("agreement", "outliers", "size", "bias"):
        one, two = getattr(first, part), getattr(second, part)
        for name in one.data_vars:
            np.testing.assert_array_equal(one[name], two[name], err_msg=f"{part} {name}")
    assert first.findings == second.findings
    assert (first.size["score"] != other.size["score"]).any()
