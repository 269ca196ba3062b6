"""Metrics of single units, and of matrices over conditions: closed forms, and what other solvers give."""

import json

import numpy as np
import pytest
import reference_units
from scipy.linalg import logm, sqrtm

import consilience as cs
from consilience.engine.metrics.units import assignment, transport

UNITS = ("unit_match", "unit_match:match=soft", "unit_match:match=best")


@pytest.mark.parametrize("metric", UNITS)
def test_permuted_units_match_perfectly_and_rotated_ones_do_not(metric):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 8))
    permuted = x[:, rng.permutation(8)] * rng.uniform(0.1, 10, size=8) + rng.normal(size=8)
    rotated = x @ np.linalg.qr(rng.normal(size=(8, 8)))[0]
    assert abs(cs.score(metric, x, permuted) - 1) < 1e-12
    assert cs.score(metric, x, rotated) < 0.9


@pytest.mark.parametrize("metric", UNITS)
def test_correlations_keep_their_sign(metric):
    x = np.random.default_rng(1).normal(size=(40, 1))
    assert abs(cs.score(metric, x, -3 * x) + 1) < 1e-12


def test_unequal_widths():
    """Y holds every unit of X, some twice, and others that are uncorrelated with all of them."""
    basis = np.random.default_rng(2).normal(size=(50, 6))
    q = np.linalg.qr(basis - basis.mean(0))[0]
    x, y = q[:, :3], q[:, [0, 1, 2, 0, 4, 5]]
    for metric, there, back in [
        ("unit_match", 1, 1),
        ("unit_match:match=soft", 2 / 3, 2 / 3),  # of x_0 both, of x_1 and x_2 half: 1/3 + 1/6 + 1/6
        ("unit_match:match=best", 1, 4 / 6),
    ]:
        assert abs(cs.score(metric, x, y) - there) < 1e-12, metric
        assert abs(cs.score(metric, y, x) - back) < 1e-12, metric


@pytest.mark.parametrize("metric", UNITS)
def test_a_unit_that_does_not_vary_counts_as_0(metric):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 5))
    x[:, 2] = 0.1
    assert abs(cs.score(metric, x, x.copy()) - 0.8) < 1e-12
    y = rng.normal(size=(40, 7))
    y[:, :5] += x
    assert abs(cs.score(metric, x, y) - reference_units.REFERENCE[metric](x, y)) < 1e-9
    # It varies in one sample, which not every jackknife view has.
    x[7, 2] = 5.0
    table = cs.compare({"x": x, "y": y}, metrics=[metric], null=False)
    assert np.isfinite(table["se"].values).all()


def test_units_of_the_same_number():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(40, 4))
    assert abs(cs.score("unit_corr", x, x * [1, 2, -3, 4] + 5) - 0.5) < 1e-12
    x[:, 0] = 0.1  # it counts as 0
    assert abs(cs.score("unit_corr", x, x.copy()) - 0.75) < 1e-12
    data = {"a": x, "b": x[:, :3], "c": x[:, ::-1].copy()}
    table = cs.compare(data, metrics=["unit_corr"], permutations=2)  # NaN is of unequal widths alone
    want = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
    for name in ("score", "se", "null_mean", "z", "p"):
        assert (np.isnan(table[name].values[0])[want]).all(), name
    assert (np.isnan(table["score"].values[0]) == want).all()
    assert "different numbers of units" in json.loads(table.attrs["reasons"])["unit_corr|a|b"]


@pytest.mark.parametrize(("rows", "columns"), [(1, 4), (2, 3), (30, 40), (37, 48), (70, 25)])
def test_transport_is_optimal_among_all_plans(monkeypatch, rows, columns):
    """Against assignment of copies, as many of each unit as bring both sides to one number."""
    monkeypatch.setattr("consilience.engine.metrics.units.NEAR", 1)  # nearly all pairs must be found by price
    worth = np.random.default_rng(4).normal(size=(rows, columns))
    number = np.lcm(rows, columns)
    copies = np.repeat(np.repeat(worth, number // rows, axis=0), number // columns, axis=1)
    assert abs(transport(worth) - assignment(copies)) < 1e-12


def test_transport_among_equals():
    assert transport(np.zeros((20, 30))) == 0
    assert abs(transport(np.ones((20, 30))) - 1) < 1e-12


# It warns from an error of 1e-13 on.
@pytest.mark.filterwarnings("ignore:logm result may be inaccurate:RuntimeWarning")
@pytest.mark.parametrize("shrinkage", [0.01, 0.1, 0.9])
@pytest.mark.parametrize(("n", "d1", "d2"), [(30, 4, 9), (12, 40, 7), (10, 25, 30), (15, 8, 8)])
def test_riemann_is_the_norm_of_the_matrix_logarithm(n, d1, d2, shrinkage):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(n, d1)), 3 * rng.normal(size=(n, d2))
    y[:, :3] += x[:, :3]
    a, b = (reference_units.second_moments(z, shrinkage) for z in (x, y))
    root = np.linalg.inv(sqrtm(a))
    want = np.linalg.norm(logm(root @ b @ root))
    assert abs(cs.score({"name": "riemann", "shrinkage": shrinkage}, x, y) - want) < 1e-8


def test_riemann_of_a_scaled_a_rotated_and_a_doubled_representation():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(40, 6))
    for factor in (3, 1e6):  # beyond 1e4 features are read at another scale
        assert abs(cs.score("riemann", x, factor * x) - 2 * np.sqrt(40) * np.log(factor)) < 1e-8
    assert cs.score("riemann", x, x @ np.linalg.qr(rng.normal(size=(6, 6)))[0]) < 1e-9
    assert cs.score("riemann", x, np.hstack([x, x])) < 1e-9  # the same second moments a unit
    # Of one unit each, orthogonal to each other: A is n s + (1 - s) n on x and s elsewhere, B alike.
    q = np.linalg.qr(x - x.mean(0))[0]
    assert abs(cs.score("riemann", q[:, :1], q[:, 1:2]) - np.sqrt(2) * np.log(1 + 9 * 40)) < 1e-9
    assert abs(cs.score("riemann:shrinkage=1", x, 2 * x) - np.sqrt(40) * np.log(4)) < 1e-9


def test_subspaces_of_dependent_and_constant_units():
    """A unit that is a sum of others changes no span; one without variance never matches."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 4)) + 5
    y = np.column_stack([x @ rng.normal(size=(4, 3)), x[:, 0] + x[:, 1], np.full(300, 2.0)])
    x = np.column_stack([x, rng.normal(size=(300, 1))])
    # All of y but the constant lie in the span of x, and x but for the last, which y does not have.
    assert cs.score("subspace_match:epsilon=0.01", x, y) == pytest.approx(8 / 10)
