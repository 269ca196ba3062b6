"""The null of shifted responses: p is uniform where nothing is there, and small where something is."""

import numpy as np
import reference_encoding as reference
from scipy.signal import lfilter

import consilience as cs
from consilience.engine.encoding import null


def slow(rng, *shape, rho=0.7):
    """Autocorrelated noise (n, ...)."""
    return lfilter([1.0], [1.0, -rho], rng.normal(size=shape), axis=0)


def test_a_shift_stays_inside_its_group_and_is_never_none_at_all():
    edges = [(0, 4), (4, 6), (6, 7)]
    found = list(null.shifts(edges, 60, 0))
    for order in found:
        assert (order != np.arange(7)).any()
        for a, b in edges:
            k = order[a] - a
            np.testing.assert_array_equal(order[a:b], a + (np.arange(b - a) + k) % (b - a))
    assert len(np.unique(found, axis=0)) == 7  # 4 · 2 · 1 shifts, one of which is none
    again = list(null.shifts(edges, 60, 0))
    np.testing.assert_array_equal(found, again)


def p_values(draws, seed, nuisance):
    rng = np.random.default_rng(seed)
    n, units = 160, 60
    z = slow(rng, n, 1)
    x = slow(rng, n, 3) + z
    y = slow(rng, n, units) + (2 * z if nuisance else 0)
    run = np.repeat(range(8), 20)
    table = cs.encode(
        x, y, z if nuisance else None, penalties=np.logspace(0, 4, 4), folds=4, groups=run, bands=1,
        permutations=draws, seed=seed,
    )  # fmt: skip
    return table["p"].values.ravel()


def test_p_is_uniform_where_features_tell_nothing_beyond_the_nuisance():
    for nuisance in (True, False):
        p = np.concatenate([p_values(19, seed, nuisance) for seed in range(12)])
        assert abs(p.mean() - 0.525) < 0.04, (nuisance, p.mean())
        for level in (0.05, 0.25, 0.5):
            assert abs((p <= level + 1e-9).mean() - level) < 0.03 + level / 10, (nuisance, level)


def test_p_is_small_where_they_do():
    rng = np.random.default_rng(0)
    z, x = slow(rng, 200, 1), slow(rng, 200, 3)
    y = slow(rng, 200, 4) + z
    y[:, :2] += 1.5 * x[:, :2]
    table = cs.encode(x, y, z, folds=4, permutations=39)
    np.testing.assert_allclose(table["p"].values[0, :2], 1 / 40)
    assert (table["p"].values[0, 2:] > 0.05).all()


def test_a_draw_is_the_score_of_shifted_residuals():
    rng = np.random.default_rng(1)
    z, x, y = rng.normal(size=(60, 2)), rng.normal(size=(60, 3)), rng.normal(size=(60, 5))
    penalties = np.logspace(-1, 3, 3)
    options = {"penalties": penalties, "folds": 3, "bands": 1}
    seen = cs.encode(x, y, z, **options)["unique_r2"].values[0]
    folds = reference.contiguous(60, 3)
    edges = [(int(f[0]), int(f[-1]) + 1) for f in folds]
    mz, my, w = reference.ridge(z, y, 0.0)
    fit = my + (z - mz) @ w
    better = np.zeros(5)
    even = np.full((1, 2), 0.5)
    for order in null.shifts(edges, 9, 4):
        drawn = fit + (y - fit)[order]
        both = reference.encode(np.hstack([z, x]), drawn, folds, penalties, spaces=[2, 3], weightings=even)
        alone = reference.encode(z, drawn, folds, penalties)
        better += (both[1].mean(0) - alone[1].mean(0)) >= seen
    table = cs.encode(x, y, z, permutations=9, seed=4, **options)
    np.testing.assert_allclose(table["p"].values[0], (1 + better) / 10)


def test_p_of_a_mean_over_subjects_who_heard_the_same_is_uniform():
    """Subjects share what no feature of the study explains. Shifted by the same amounts they go on sharing it."""
    p = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, shared = slow(rng, 120, 3), slow(rng, 120, 1)
        subjects = [shared + 0.5 * slow(rng, 120, 1) for _ in range(5)]
        options = {
            "penalties": [1.0, 100.0],
            "folds": 3,
            "groups": np.repeat(range(6), 20),
            "permutations": 19,
        }
        found = cs.encode(x, np.hstack(subjects), seed=seed, **options)
        draws, observed = found["null"].values.ravel(), float(found["r"].mean())
        p.append((1 + (draws >= observed).sum()) / 20)
        if seed == 0:
            alone = [cs.encode(x, y, seed=seed, **options)["null"].values.ravel() for y in subjects]
            np.testing.assert_allclose(np.mean(alone, axis=0), draws)
    assert 0.4 < np.mean(p) < 0.65
    assert 0.02 <= np.mean(np.array(p) <= 0.1) <= 0.2
