"""Moments under permutation of one side of the pairs, against every permutation that there is."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from consilience.engine.inference.linear_null import agreements, hits, linear


def every(a):
    rows = np.arange(len(a))
    return np.array([a[rows, list(p)].sum() for p in permutations(rows)])


@pytest.mark.parametrize("m", [2, 3, 6, 7])
def test_all_permutations(m):
    a = np.random.default_rng(m).exponential(size=(m, m))
    draws, null = every(a), linear(a)
    assert null.mean == pytest.approx(draws.mean())
    assert null.sd == pytest.approx(draws.std())
    assert null.skew == pytest.approx(stats.skew(draws) if m > 2 else 0, abs=1e-9)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_hits_are_the_same_of_a_matrix_of_names(k):
    rng = np.random.default_rng(k)
    named = np.zeros((7, 7))
    for row in named:
        row[rng.choice(7, k, replace=False)] = 1
    found, whole = hits(named.sum(axis=0), k), linear(named)
    for name in ("mean", "sd", "skew"):
        assert getattr(found, name) == pytest.approx(getattr(whole, name))
    assert found.step == 1  # a count
    assert hits(named.sum(axis=0), k).sd == pytest.approx(every(named).std())


def test_agreements_are_the_same_of_a_matrix_of_classes():
    named, true = np.array([0, 0, 2, 1, 2, 2, 0]), np.array([0, 1, 1, 2, 2, 3, 0])
    found, whole = agreements(named, true), linear(np.equal.outer(named, true) * 1.0)
    for name in ("mean", "sd", "skew"):
        assert getattr(found, name) == pytest.approx(getattr(whole, name))
    assert found.step == 1
    assert found.sd == pytest.approx(every(np.equal.outer(named, true) * 1.0).std())
    assert agreements(np.zeros(5, int), np.zeros(5, int)).sd == 0


def test_what_cannot_vary():
    assert linear(np.ones((1, 1))).sd == 0
    assert linear(np.ones((5, 5))).sd == 0
    assert hits(np.full(4, 4), 4).sd == 0
    fixed = linear(np.eye(9))  # fixed points of a permutation: mean, variance and third cumulant are one
    assert (fixed.mean, fixed.sd, fixed.skew) == pytest.approx((1, 1, 1))
