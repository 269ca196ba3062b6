"""Sums over matrices whose samples are permuted, against the same matrices permuted and summed up entry by entry."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from consilience.engine.comparison import Comparison
from consilience.engine.inference.null import orders
from consilience.engine.metrics.registry import parse
from consilience.engine.passes import permuted as permuted_pass
from consilience.engine.passes.permuted import permuted
from consilience.engine.scoring import crosses
from consilience.engine.scoring.second import bandwidths, statistics


def ranks(d):
    upper = np.triu_indices(len(d), 1)
    ranked = rankdata(np.round(d[upper] / d[upper].mean(), 11))
    found = np.zeros_like(d)
    found[upper] = (ranked - (len(ranked) + 1) / 2) / len(ranked)
    return found + found.T


def rbf(x):
    d = reference.distances(x)
    return np.exp(-(d**2) / (2 * np.median(d[np.triu_indices(len(x), 1)]) ** 2))


MATRICES = {
    "cka": lambda x: reference.gram(x),
    "cka:kernel=rbf": rbf,
    "distance_correlation": reference.distances,
    "rsa:compare=pearson": lambda x: reference.rdm(x, "correlation"),
    "rsa": lambda x: ranks(reference.rdm(x, "correlation")),
}


def features(seed, n, widths=(3, 7, 5)):
    rng = np.random.default_rng(seed)
    # Frames neither shift nor scale these, so that sums can be compared as they are.
    return {f"{m}/0": x - x.mean(0) for m, x in zip("abcde", (rng.normal(size=(n, d)) for d in widths))}


def agree(x, metric, *, permutations=4, tile_rows=None, strip_rows=None):
    """Every sum of every pair under every permutation, from `crosses`, equals the sum written out."""
    from dataclasses import replace

    c = Comparison(x, metrics=[metric], se=False, null=False, groups=1, permutations=permutations)
    setting = replace(c.setting(), medians=bandwidths(c.requests, c.setting()))
    if tile_rows:
        setting = replace(setting, plan=replace(setting.plan, tile_rows=tile_rows, strip_rows=strip_rows))
    space = parse(metric).space
    sums = statistics(c.requests, setting)[0][space].at(0)
    runs, crossed, margins = zip(*crosses.cross_terms(space, setting))
    every, pairs = np.concatenate(runs), crosses.pairs_of_two(setting)
    np.testing.assert_array_equal(every, list(orders(c.joined.n, permutations, 0)))
    found = permuted(sums, np.concatenate(crossed), margins[0], every, pairs)
    matrices = [MATRICES[metric](v.astype(np.float64)) for v in x.values()]
    diag = [np.diag(k) for k in matrices]
    off = [k - np.diag(d) for k, d in zip(matrices, diag)]
    scale = np.abs(matrices[0]).max() ** 2
    close = {"rtol": 1e-9, "atol": 1e-9 * scale * c.joined.n}
    for p, order in enumerate(every):
        for a, b in pairs:
            l, e = off[b][np.ix_(order, order)], diag[b][order]
            for (i, j), (k, s), (m, t) in (
                ((a, b), (off[a], diag[a]), (l, e)),
                ((b, a), (l, e), (off[a], diag[a])),
            ):
                np.testing.assert_allclose(found.cross[p, i, j], (k * m).sum(), **close)
                np.testing.assert_allclose(found.rows[p, i, j], k.sum(1) @ m.sum(1), **close)
                np.testing.assert_allclose(found.diag[p, i, j], s @ t, **close)
                np.testing.assert_allclose(found.diag_rows[p, i, j], s @ m.sum(1), **close)
        for a in range(len(off)):
            np.testing.assert_allclose(found.cross[p, a, a], (off[a] ** 2).sum(), **close)


@given(st.integers(0, 2**32 - 1), st.integers(8, 60), st.sampled_from(sorted(MATRICES)), st.integers(2, 30))
@settings(max_examples=25, deadline=None)
def test_sums_of_permuted_matrices(seed, n, metric, tile_rows):
    agree(features(seed, n), metric, tile_rows=tile_rows, strip_rows=2 * tile_rows)


@pytest.mark.parametrize("cheaper", [True, False])
def test_linear_kernels_by_moments_and_by_matrices(monkeypatch, cheaper):
    monkeypatch.setattr(crosses, "_moments_are_cheaper", lambda setting: cheaper)
    agree(features(1, 50), "cka")
    if cheaper:
        monkeypatch.setattr(crosses, "_held", None)  # it is not asked
        agree(features(1, 50), "cka")


@pytest.mark.parametrize("gathered", [1, 100, 10**6])
@pytest.mark.parametrize("most", [2, 3, 5, 100])
def test_matrices_held_a_few_at_a_time(monkeypatch, most, gathered):
    monkeypatch.setattr(crosses, "_most", lambda setting: most)
    monkeypatch.setattr(permuted_pass, "GATHERED", gathered)
    agree(features(2, 33, (3, 7, 5, 4, 6)), "distance_correlation", permutations=2)


def test_the_cheaper_way():
    def choice(n, d, layers, budget="8GB"):
        x = {f"{m}/{k}": np.eye(n, d, dtype=np.float32) for m in "ab" for k in range(layers)}
        return crosses._moments_are_cheaper(
            Comparison(x, groups=1, se=False, null=False, budget=budget).setting()
        )

    assert choice(1500, 16, 1)
    assert not choice(1500, 300, 1)
    assert not choice(1500, 300, 4)
    assert choice(1500, 300, 1, budget="20MB")  # no room for two matrices
