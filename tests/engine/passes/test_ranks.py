"""Ranks of all distances: by sorting them, and by counting them in a sweep, against SciPy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

import consilience as cs
from consilience.engine.passes import ranks, ranks_table


def ranked(values, knots):
    step = ranks_table.grid(values)
    v = np.sort(ranks_table.snapped(values, step).numpy())
    edges = ranks_table.edges_of(v) if knots is None else knots
    found = ranks_table.table(step, edges, ranks_table.bin_counts(v, edges), "cpu")
    return found(values).numpy() * len(v) + (len(v) - 1) / 2 + 1


@given(st.integers(0, 2**32 - 1), st.integers(2, 400), st.sampled_from([3, 10, 10_000]))
@settings(max_examples=60, deadline=None)
def test_ranks_are_mid_ranks(seed, count, different):
    import torch

    values = np.random.default_rng(seed).integers(1, different + 1, count) / 7.0
    np.testing.assert_allclose(ranked(torch.from_numpy(values), None), rankdata(values), atol=1e-6)


def test_between_knots_ranks_are_interpolated(monkeypatch):
    import torch

    values = np.random.default_rng(0).gamma(2.0, size=200_000)
    monkeypatch.setattr(ranks_table, "KNOTS", 4096)
    found = ranked(torch.from_numpy(values), None)
    assert np.abs(found - rankdata(values)).max() / len(values) < 1e-3
    assert 1 - np.corrcoef(found, rankdata(values))[0, 1] < 1e-7


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_counting_sweep_gives_the_same_rsa(monkeypatch, dtype):
    rng = np.random.default_rng(1)
    shared = rng.normal(size=(700, 4))
    x = {
        f"m/{d}": (shared @ rng.normal(size=(4, d)) + rng.normal(size=(700, d))).astype(dtype)
        for d in (6, 15)
    }
    want = cs.compare(x, metrics=["rsa"])
    monkeypatch.setattr(ranks, "SAMPLE_ROWS", 100)
    got = cs.compare(x, metrics=["rsa"])
    np.testing.assert_allclose(got["score"], want["score"], atol=1e-6)
    np.testing.assert_allclose(got["se"], want["se"], atol=1e-6)
