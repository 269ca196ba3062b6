"""Penalties, r and R² against maps fitted one at a time, and against himalaya."""

import dask.array as da
import numpy as np
import pytest
import reference_encoding as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from measure import peak

import consilience as cs
from consilience.engine.costs import brains
from consilience.engine.encoding import models, search
from consilience.engine.passes import moments

PENALTIES = np.logspace(-1, 4, 6)


def data(n, d, v, seed=0, dtype=np.float64, noise=3.0):
    rng = np.random.default_rng([seed, n, d, v])
    x = rng.normal(size=(n, d)) * rng.uniform(0.5, 2, d) + rng.normal(size=d)
    y = x @ rng.normal(size=(d, v)) + noise * rng.normal(size=(n, v)) * np.sqrt(d) + rng.normal(size=v)
    return x.astype(dtype), y.astype(dtype)


def agree(table, r, r2, penalty, space=0, rtol=1e-8):
    np.testing.assert_array_equal(table["penalty"].values[space], penalty)
    np.testing.assert_allclose(table["fold_r"].values[space], r, atol=rtol)
    np.testing.assert_allclose(table["fold_r2"].values[space], r2, atol=rtol)
    np.testing.assert_allclose(table["r"].values[space], r.mean(0), atol=rtol)
    np.testing.assert_allclose(table["r2"].values[space], r2.mean(0), atol=rtol)


@given(
    st.integers(20, 60), st.integers(1, 30), st.integers(1, 9), st.integers(3, 6), st.booleans(), st.booleans(),
    st.integers(3, 30), st.integers(1, 4), st.sampled_from([np.float64, np.float32]),
)  # fmt: skip
@settings(max_examples=20, deadline=None)
def test_any_shape_in_any_pieces(n, d, v, folds, nested, standardise, block, units, dtype):
    x, y = data(n, d, v, dtype=dtype)
    before = moments.BLOCK_ROWS, brains.RUN_BYTES, search.TASK_UNITS
    moments.BLOCK_ROWS, brains.RUN_BYTES, search.TASK_UNITS = block, 8.0 * folds * d * units, 2
    try:
        table = cs.encode(
            x, da.from_array(y, chunks=(block, -1)), penalties=PENALTIES, folds=folds, nested=nested,
            standardise=standardise,
        )  # fmt: skip
    finally:
        moments.BLOCK_ROWS, brains.RUN_BYTES, search.TASK_UNITS = before
    want = reference.encode(
        x.astype(float), y.astype(float), reference.contiguous(n, folds), PENALTIES, nested=nested,
        standardise=standardise,
    )  # fmt: skip
    agree(table, *want)


@pytest.mark.parametrize("d", [30, 320])
def test_float32_of_many_rows(d):
    x, y = data(1200, d, 6, dtype=np.float32)
    x[:, 0] *= 2e3  # a unit like those of language models
    y += x[:, [0]] * 1e-3
    penalties = [1.0, 100.0, 1e4]
    table = cs.encode(x, y, penalties=penalties, folds=3)
    folds = reference.contiguous(1200, 3)
    r, r2, penalty = reference.encode(x.astype(float), y.astype(float), folds, np.array(penalties))
    agree(table, r, r2, penalty, rtol=1e-5)


@pytest.mark.parametrize("nested", [True, False])
def test_himalaya_chooses_and_scores_the_same(nested):
    ridge = pytest.importorskip("himalaya.ridge", reason="himalaya is in the extra brains")
    scoring = pytest.importorskip("himalaya.scoring")
    x, y = data(400, 25, 40)
    table = cs.encode(x, y, penalties=PENALTIES, nested=nested)
    folds = reference.contiguous(400, 5)
    for f, held in enumerate(folds):
        train = np.concatenate([fold for g, fold in enumerate(folds) if g != f])
        rows = train if nested else np.arange(400)
        # Without shuffling its folds are runs of rows: inside the training rows, the other folds.
        model = ridge.RidgeCV(alphas=PENALTIES, fit_intercept=True, cv=4 if nested else 5).fit(
            x[rows], y[rows]
        )
        np.testing.assert_allclose(table["penalty"].values[0, f], model.best_alphas_, rtol=1e-5)
        if nested:
            found = model.predict(x[held])
            r, r2 = scoring.correlation_score(y[held], found), scoring.r2_score(y[held], found)
            np.testing.assert_allclose(table["fold_r"].values[0, f], r, atol=1e-5)
            np.testing.assert_allclose(table["fold_r2"].values[0, f], r2, atol=1e-5)


@pytest.mark.parametrize("unit", [1e-13, 1e9])
def test_the_unit_of_the_responses_does_not_matter(unit):
    x, y = data(80, 5, 4)
    options = {"penalties": PENALTIES, "permutations": 5}
    plain, scaled = (cs.encode({"a": x[:, :3]}, some, x[:, 3:], **options) for some in (y, y * unit))
    for name in plain:
        np.testing.assert_allclose(scaled[name], plain[name], rtol=1e-8, err_msg=name)


def test_neither_rows_nor_units_are_held(tmp_path):
    rng = np.random.default_rng(0)
    for name, d in (("x", 40), ("y", 500)):
        np.save(tmp_path / f"{name}.npy", rng.standard_normal((400_000, d), dtype=np.float32))
    x, y = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy")
    cs.encode(x[:2000], y[:2000], penalties=[1.0])  # what stays once it was loaded
    with peak() as rise:
        cs.encode(x, y, penalties=[1.0, 100.0])
    assert rise[0] < 0.6 * y.nbytes  # and no more with more rows


def test_banded_ridge():
    x, y = data(80, 6, 5)
    x[:, 2:] *= 10
    weights = models.weightings(2, 7, 3)
    table = cs.encode(
        {"a": x[:, :2], "b": x[:, 2:]}, y, penalties=PENALTIES, folds=4, joint=True, bands=7, seed=3
    )
    folds = reference.contiguous(80, 4)
    r, r2, _ = reference.encode(x, y, folds, PENALTIES, spaces=[2, 4], weightings=weights)
    np.testing.assert_allclose(table["joint_r"], r.mean(0), atol=1e-8)
    np.testing.assert_allclose(table["joint_r2"], r2.mean(0), atol=1e-8)
    alone = [reference.encode(part, y, folds, PENALTIES)[1].mean(0) for part in (x[:, :2], x[:, 2:])]
    np.testing.assert_allclose(table["unique_r2"], [r2.mean(0) - alone[1], r2.mean(0) - alone[0]], atol=1e-8)
    np.testing.assert_allclose(
        table["shared_r2"], table["joint_r2"] - table["unique_r2"].sum("space"), atol=1e-12
    )
    assert (table["joint_penalty"].values >= PENALTIES[0]).all()


def test_himalaya_chooses_the_same_penalty_of_every_band_and_scores_the_same():
    ridge = pytest.importorskip("himalaya.ridge", reason="himalaya is in the extra brains")
    scoring = pytest.importorskip("himalaya.scoring")
    x, y = data(300, 12, 30)
    x[:, 4:] *= 10
    y[:, :10] += 3 * x[:, :1]  # responses of which another band tells more
    bands = [x[:, :4], x[:, 4:9], x[:, 9:]]
    table = cs.encode(
        {"a": bands[0], "b": bands[1], "c": bands[2]}, y, penalties=PENALTIES, joint=True, bands=9, seed=3
    )
    weights, folds = models.weightings(3, 9, 3), reference.contiguous(300, 5)
    r, r2 = [], []
    for f, held in enumerate(folds):
        train = np.concatenate([fold for g, fold in enumerate(folds) if g != f])
        deltas, found, _, intercept = ridge.solve_group_ridge_random_search(
            [band[train] for band in bands], y[train], n_iter=weights, alphas=PENALTIES, fit_intercept=True, cv=4,
            return_weights=True, progress_bar=False,
        )  # fmt: skip
        np.testing.assert_allclose(table["joint_penalty"].values[:, f], np.exp(-deltas), rtol=1e-6)
        predicted = x[held] @ found + intercept
        r.append(scoring.correlation_score(y[held], predicted))
        r2.append(scoring.r2_score(y[held], predicted))
    assert len(np.unique(table["joint_penalty"].values[0])) > 5, "there was something to choose"
    np.testing.assert_allclose(table["joint_r"], np.mean(r, axis=0), atol=1e-6)
    np.testing.assert_allclose(table["joint_r2"], np.mean(r2, axis=0), atol=1e-6)


def test_weightings_add_up_and_begin_with_the_even_one():
    found = models.weightings(3, 8, 0)
    assert found.shape == (8, 3)
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_allclose(found[0], 1 / 3)
    assert len(np.unique(found.round(6), axis=0)) == 8
    np.testing.assert_array_equal(models.weightings(1, 8, 0), [[1.0]])


def test_what_the_features_hold_is_predicted_wholly_and_with_a_huge_penalty_not_at_all():
    x, y = data(60, 4, 3, noise=0)
    full = cs.encode(x, y, penalties=[1e-9])
    np.testing.assert_allclose(full["r"], 1, atol=1e-9)
    np.testing.assert_allclose(full["r2"], 1, atol=1e-9)
    nothing = cs.encode(x, y, penalties=[1e15])
    folds = reference.contiguous(60, 5)
    means = [
        1 - ((y[f] - np.delete(y, f, 0).mean(0)) ** 2).sum(0) / ((y[f] - y[f].mean(0)) ** 2).sum(0)
        for f in folds
    ]
    np.testing.assert_allclose(nothing["r2"].values[0], np.mean(means, axis=0), atol=1e-6)
