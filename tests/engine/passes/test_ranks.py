"""Ranks of all distances: by sorting them, and by counting them in a sweep, against SciPy's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

import consilience as cs
from consilience.engine.passes import ranks, ranks_cells, ranks_knots, ranks_table


def ranked(values):
    bins = ranks_table.bins_of(values)
    found = bins.ranks(ranks_table.counted(bins, values), "cpu")
    return found(values).double().numpy() * len(values) + (len(values) - 1) / 2 + 1


@given(
    st.integers(0, 2**32 - 1), st.integers(2, 400), st.sampled_from([3, 10, 10_000]), st.sampled_from("fd")
)
@settings(max_examples=60, deadline=None)
def test_ranks_are_mid_ranks(seed, count, different, dtype):
    values = (np.random.default_rng(seed).integers(different, 2 * different, count) / 7.0).astype(dtype)
    found = ranked(torch.from_numpy(values))
    np.testing.assert_allclose(found, rankdata(values), atol=1e-6 if dtype == "d" else 1e-4)


@pytest.mark.parametrize("far", [1, 1e3, 1e12])
def test_ranks_of_float32_are_exact_up_to_the_usual_distances_and_a_little_coarser_beyond(far):
    values = np.random.default_rng(0).gamma(2.0, size=300_000).astype("f")
    values[:5] *= far
    bins = ranks_table.bins_of(torch.from_numpy(values))
    usual = values < bins.step * ranks_cells.OFFSET
    assert 0.2 < usual.mean() < 0.6
    found, want = ranked(torch.from_numpy(values)), rankdata(np.round(values / np.float32(bins.step)))
    assert np.abs(found - want)[usual].max() / len(values) < 1e-7
    assert np.abs(found - want).max() / len(values) < 2**-15
    assert 1 - np.corrcoef(found, rankdata(values))[0, 1] < 1e-8


def test_half_of_the_distances_0_but_for_rounding_are_ties():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(0, 1e-7, 1000), rng.uniform(1, 2, 900)]).astype("f")
    found = ranked(torch.from_numpy(values))
    assert set(found[:1000]) == {found[0]}
    np.testing.assert_allclose(found[1000:], rankdata(values)[1000:], atol=1)


def test_what_lies_beyond_the_sample_belongs_to_the_last_bin_on_its_side():
    cells = ranks_cells.Cells.of(torch.tensor([2.0, 3.0]), 0.5)
    assert cells.count == 3
    assert cells(torch.tensor([-9.0, 1.9, 2.0, 2.4, 3.1, 1e30])).tolist() == [0, 0, 0, 1, 2, 2]


def test_between_knots_ranks_are_interpolated(monkeypatch):
    values = np.random.default_rng(0).gamma(2.0, size=200_000)
    monkeypatch.setattr(ranks_knots, "KNOTS", 4096)
    found = ranked(torch.from_numpy(values))
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
