"""Groups, delays, nuisance, layers, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
import reference_encoding as reference
import torch
import xarray as xr

import consilience as cs
from consilience.engine.scores import open_scores, save

PENALTIES = np.logspace(-1, 4, 6)


def series(n=120, d=5, v=4, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return rng, x, x @ rng.normal(size=(d, v)) + 2 * rng.normal(size=(n, v))


def test_a_feature_that_tells_the_run_predicts_nothing_of_other_runs():
    rng = np.random.default_rng(0)
    run = np.arange(240) % 8  # samples of all runs in turn
    x = np.eye(8)[run]
    y = x @ rng.normal(size=(8, 20)) * 3 + rng.normal(size=(240, 20))
    leaking = cs.encode(x, y)
    apart = cs.encode(x, y, groups=run, folds=4)
    assert leaking["r"].mean() > 0.8
    assert abs(apart["r"].mean()) < 0.1
    assert apart["r2"].max() < 0


def test_groups_are_folds_that_nothing_crosses():
    rng, x, y = series()
    run = np.repeat([3, 1, 2, 0, 5, 4], [30, 10, 20, 25, 15, 20])
    folds = [np.flatnonzero(np.isin(run, pair)) for pair in ([3, 1], [2, 0], [5, 4])]
    shuffled = rng.permutation(120)  # groups need not lie together
    table = cs.encode(x[shuffled], y[shuffled], penalties=PENALTIES, folds=3, groups=run[shuffled])
    said = json.loads(table.attrs["encoding"])
    first = list(dict.fromkeys(run[shuffled]))
    folds = [np.flatnonzero(np.isin(run[shuffled], first[k : k + 2])) for k in (0, 2, 4)]
    assert said["fold_rows"] == [len(f) for f in folds]
    r, r2, penalty = reference.encode(x[shuffled], y[shuffled], folds, PENALTIES)
    np.testing.assert_allclose(table["fold_r"].values[0], r, atol=1e-9)
    np.testing.assert_allclose(table["fold_r2"].values[0], r2, atol=1e-9)
    np.testing.assert_array_equal(table["penalty"].values[0], penalty)


@pytest.mark.parametrize("gap", [1, 4, 7])
@pytest.mark.parametrize("grouped", [True, False])
def test_a_gap_lies_between_rows_held_out_and_rows_fitted_on(gap, grouped):
    _, x, y = series(100)
    run = np.repeat(range(5), 20)
    table = cs.encode(
        x, y, delays=[0, 2], penalties=PENALTIES, folds=5, gap=gap, groups=run if grouped else None
    )
    folds = reference.with_gap(reference.contiguous(100, 5), gap)
    for f, held in enumerate(folds):
        others = np.concatenate([fold for g, fold in enumerate(folds) if g != f])
        assert np.abs(held[:, None] - others).min() == gap + 1
    said = json.loads(table.attrs["encoding"])
    assert (said["gap"], said["fold_rows"]) == (gap, [len(f) for f in folds])
    z = reference.delayed(x, [0, 2], run if grouped else np.zeros(100))
    r, r2, penalty = reference.encode(z, y, folds, PENALTIES)
    np.testing.assert_allclose(table["fold_r"].values[0], r, atol=1e-9)
    np.testing.assert_allclose(table["fold_r2"].values[0], r2, atol=1e-9)
    np.testing.assert_array_equal(table["penalty"].values[0], penalty)


def test_two_runs_are_cut_into_folds_where_a_gap_lies_between_the_pieces():
    _, x, y = series(100)
    run = np.repeat([0, 1], [45, 55])
    table = cs.encode(x, y, delays=[0, 2], penalties=PENALTIES, folds=5, gap=4, groups=run, permutations=9)
    folds = reference.with_gap([*np.array_split(np.arange(45), 2), *np.array_split(np.arange(45, 100), 3)], 4)
    said = json.loads(table.attrs["encoding"])
    assert (said["groups"], said["fold_rows"]) == (2, [len(f) for f in folds])
    z = reference.delayed(x, [0, 2], run)  # within a run as a whole
    r, _, penalty = reference.encode(z, y, folds, PENALTIES)
    np.testing.assert_allclose(table["fold_r"].values[0], r, atol=1e-9)
    np.testing.assert_array_equal(table["penalty"].values[0], penalty)
    assert (table["p"] > 0).all()
    with pytest.raises(cs.BadInput, match=r"at least 5 groups for 5 folds; got 2. Fix: give a gap"):
        cs.encode(x, y, folds=5, groups=run)


def test_neighbours_that_are_alike_leak_over_a_border_without_a_gap():
    rng = np.random.default_rng(0)
    moment = (np.arange(120) + 6) // 12  # so slow that every border of five folds lies within one
    x = np.eye(11)[moment]
    y = rng.normal(size=(11, 40))[moment] * 3 + rng.normal(size=(120, 40))
    assert cs.encode(x, y, gap=0)["r"].mean() > 0.15
    assert abs(cs.encode(x, y, gap=12)["r"].fillna(0).mean()) < 0.05


@pytest.mark.parametrize("grouped", [True, False])
def test_delays_end_where_a_run_begins(grouped):
    _, x, y = series(90)
    run = np.repeat(range(6), 15)
    table = cs.encode(x, y, delays=[0, 2, 3], penalties=PENALTIES, folds=3, groups=run if grouped else None)
    z = reference.delayed(x, [0, 2, 3], run if grouped else np.zeros(90))
    r, r2, penalty = reference.encode(z, y, reference.contiguous(90, 3), PENALTIES)
    np.testing.assert_allclose(table["fold_r"].values[0], r, atol=1e-9)
    np.testing.assert_allclose(table["fold_r2"].values[0], r2, atol=1e-9)
    np.testing.assert_array_equal(table["penalty"].values[0], penalty)


def test_delays_find_a_response_that_comes_later():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 3))
    y = np.roll(x, 4, axis=0) @ rng.normal(size=(3, 5)) + 0.5 * rng.normal(size=(400, 5))
    assert cs.encode(x, y)["r"].max() < 0.3
    assert cs.encode(x, y, delays=[3, 4, 5])["r"].min() > 0.8


def test_a_nuisance_that_is_of_the_time_of_the_responses_is_not_delayed():
    _, x, y = series(90)
    z = np.random.default_rng(5).normal(size=(90, 2))
    options = {"penalties": PENALTIES, "folds": 3, "bands": 3}
    found = cs.encode(x, y, z, delays=[1, 2], delay_nuisance=False, **options)
    by_hand = cs.encode(reference.delayed(x, [1, 2], np.zeros(90)), y, z, **options)
    for name in ("r2", "unique_r2", "nuisance_r2"):
        np.testing.assert_allclose(found[name].values, by_hand[name].values, atol=1e-12)
    assert not np.allclose(found["nuisance_r2"], cs.encode(x, y, z, delays=[1, 2], **options)["nuisance_r2"])


def test_variance_beyond_nuisance():
    rng = np.random.default_rng(2)
    n = 3000
    z, x = rng.normal(size=(n, 2)), rng.normal(size=(n, 3))
    x[:, 0] = z[:, 0]  # shared with the nuisance
    noise = rng.normal(size=n)
    y = np.stack([z[:, 0] + noise, x[:, 1] + noise, z[:, 1] + x[:, 2] + noise], axis=1)
    table = cs.encode(
        {"words": x}, y, nuisance={"rate": z[:, :1], "motion": z[:, 1:]}, penalties=[0.1, 1, 10]
    )
    np.testing.assert_allclose(table["nuisance_r2"], [1 / 2, 0, 1 / 3], atol=0.04)
    np.testing.assert_allclose(table["unique_r2"].values[0], [0, 1 / 2, 1 / 3], atol=0.04)
    np.testing.assert_allclose(table["joint_r2"] - table["nuisance_r2"], table["unique_r2"], atol=1e-12)
    np.testing.assert_allclose(table["r2"].values[0], [1 / 2, 1 / 2, 1 / 3], atol=0.04)


def test_parts_of_spaces_fitted_together():
    rng = np.random.default_rng(3)
    n = 3000
    a, b, common = (rng.normal(size=(n, 1)) for _ in range(3))
    y = a + b + common + rng.normal(size=(n, 1))
    table = cs.encode(
        {"a": np.hstack([a, common]), "b": np.hstack([b, common])}, y, penalties=[0.1, 1], joint=True, bands=4
    )
    np.testing.assert_allclose(table["joint_r2"], 3 / 4, atol=0.03)
    np.testing.assert_allclose(table["unique_r2"], 1 / 4, atol=0.03)
    np.testing.assert_allclose(table["shared_r2"], 1 / 4, atol=0.03)


def test_the_layer_is_chosen_inside_the_training_folds():
    rng, good, y = series(150, v=6)
    layers = {f"net/{k}": rng.normal(size=(150, 5)) for k in range(4)} | {
        "net/good": good,
        "other/0": good + 9,
    }
    regions = {"s/V1": y[:, :2], "s/IT": y[:, 2:]}
    every = cs.encode(layers, regions, penalties=PENALTIES)
    table = cs.encode(layers, regions, penalties=PENALTIES, choose_layer=True)
    assert list(table["space"].values) == ["net", "other"]
    assert (table["layer"].sel(space="net") == "good").all()
    assert table["layer"].dims == ("space", "fold", "response")
    np.testing.assert_allclose(table["r"].sel(space="net"), every["r"].sel(space="net/good"))
    np.testing.assert_allclose(table["penalty"].sel(space="other"), every["penalty"].sel(space="other/0"))
    assert table["representation"].values.tolist() == every["space"].values.tolist()
    np.testing.assert_allclose(table["layer_r"], every["r"])


def test_the_null_of_a_region_is_what_its_p_is_of():
    _, x, y = series()
    table = cs.encode(x, {"s/one": y[:, :1], "s/two": y[:, 1:3]}, permutations=19, folds=4)
    assert table["null"].dims == ("space", "response", "draw")
    assert table["response"].values.tolist() == ["s/one", "s/two"]
    above = int((table["null"].sel(response="s/one") >= table["r"].values[0, 0]).sum())
    assert table["p"].values[0, 0] == pytest.approx((1 + above) / 20)
    assert np.isfinite(table["null"].values).all()


def test_the_choice_of_layer_is_not_on_the_fold_it_is_scored_on():
    rng = np.random.default_rng(4)
    layers = {f"net/{k}": rng.normal(size=(40, 2)) for k in range(60)}
    y = rng.normal(size=(40, 1))
    every, chosen = (cs.encode(layers, y, choose_layer=c) for c in (False, True))
    assert every["fold_r"].max("space").mean() > 0.5  # what choosing on the scores themselves would report
    assert chosen["r"].item() < 0.3


def test_targets_are_known_by_subject_region_and_unit():
    _, x, y = series()
    table = cs.encode(x, {"s1/V1": y[:, :1], "s1/IT": y[:, 1:], "s2": y[:, :2]})
    assert list(table["subject"].values) == ["s1"] * 4 + ["s2"] * 2
    assert list(table["region"].values) == ["V1", "IT", "IT", "IT", "s2", "s2"]
    assert list(table["unit"].values) == [0, 0, 1, 2, 0, 1]
    np.testing.assert_allclose(table["r"].values[0, :2], table["r"].values[0, 4:])


def test_tables_are_joined_on_ids(tmp_path):
    _, x, y = series()
    ids = [f"t{i:03}" for i in range(120)]
    store = cs.FeatureStore(tmp_path)
    features = store.write("net", "story", ids, {"l0": x.astype(np.float32)})
    order = np.random.default_rng(0).permutation(120)[:110]
    brain = store.write("s1", "story", [ids[i] for i in order], {"IT": y[order].astype(np.float32)})
    kept = np.sort(order)
    table = cs.encode(features, brain, groups={name: k // 20 for k, name in enumerate(ids)})
    plain = cs.encode(x[kept].astype(np.float32), y[kept].astype(np.float32), groups=kept // 20)
    np.testing.assert_allclose(table["r"], plain["r"], atol=1e-9)
    assert json.loads(table.attrs["join"]) == {"rows": 110, "dropped": {"net": 10}}
    assert set(json.loads(table.attrs["digests"])) == {"net/l0", "s1/IT"}
    with pytest.raises(
        cs.BadInput, match="for delays count samples; got samples without partner: 10 of 'net'"
    ):
        cs.encode(features, brain, delays=[1])


def test_units_that_do_not_vary_are_told_and_the_others_scored():
    _, x, y = series()
    y[:, 1] = 0.1
    table = cs.encode(x, {"s/IT": y}, x[:, :1], permutations=5)
    assert json.loads(table.attrs["constant"]) == {"s/IT": [1]}
    for name in ("r", "r2", "penalty", "unique_r2", "p", "q"):
        still = np.isnan(table[name].values).reshape(-1, 4)
        np.testing.assert_array_equal(still, [[False, True, False, False]] * len(still))


def test_what_is_promised_is_there_or_says_why_not(tmp_path):
    _, x, y = series()
    plain = cs.encode(x, y)
    assert set(plain) >= {"r", "r2", "unique_r2", "ceiling"}
    assert plain["unique_r2"].dims == plain["r2"].dims
    assert np.isnan(plain["unique_r2"].values).all()
    assert "give nuisance=" in plain["unique_r2"].attrs["reason"]
    assert np.isnan(plain["ceiling"].values).all()
    assert "give responses (n, repeats, units)" in plain["ceiling"].attrs["reason"]
    save(plain, tmp_path / "plain.nc")
    assert open_scores(tmp_path / "plain.nc")["unique_r2"].attrs == plain["unique_r2"].attrs
    known = cs.encode(x, np.stack([y, y + x[:, :1]], axis=1), x[:, :1] ** 2)
    assert np.isfinite(known["unique_r2"].values).all()
    assert not known["unique_r2"].attrs
    assert not known["ceiling"].attrs


@pytest.mark.parametrize("kind", ["torch", "bfloat16", "pandas"])
def test_tensors_and_frames_are_arrays(kind):
    _, x, y = series()
    x, y = x.astype(np.float32), y.astype(np.float32)
    want = cs.encode(x, y)
    if kind == "pandas":
        found = cs.encode(pd.DataFrame(x), {"responses": pd.DataFrame(y)})
        names = [f"s{k}" for k in range(len(x))]
        named = cs.encode(pd.DataFrame(x, names), pd.DataFrame(y, names).iloc[::-1])
        xr.testing.assert_equal(named["r"], want["r"])
        assert cs.score("cka", pd.DataFrame(x), pd.DataFrame(y)) == cs.score("cka", x, y)
    elif kind == "torch":
        found = cs.encode(torch.tensor(x, requires_grad=True), {"responses": torch.tensor(y)})
        assert cs.score("cka", torch.tensor(x), torch.tensor(y)) == cs.score("cka", x, y)
    else:
        half = torch.tensor(x, dtype=torch.bfloat16)
        found, want = cs.encode(half, y), cs.encode(half.float().numpy(), y)
    xr.testing.assert_equal(found, want)


def test_a_unit_that_does_not_vary_in_a_fold_has_no_r_there():
    _, x, y = series()
    y[:24, 0] = 7
    table = cs.encode(x, y)
    assert np.isnan(table["fold_r"].values[0, 0, 0])
    assert np.isfinite(table["fold_r"].values).sum() == 19


X, Y = np.random.default_rng(0).normal(size=(2, 30, 3))
WHOLE = np.where(np.arange(3) == 1, np.nan, Y)
NAN = np.where(np.arange(90).reshape(30, 3) == 4, np.nan, Y)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"folds": 2}, "folds of 3 or more.* got folds=2"),
        ({"folds": 16}, "at least two samples in each of 16 folds; got 30 samples"),
        ({"groups": [0, 1, 2] * 10}, "at least 5 groups for 5 folds; got 3. Fix: use folds=3"),
        ({"groups": [0, 1]}, "one label for each of 30 samples"),
        ({"responses": np.full((30, 2), 4.0)}, "vary in 'responses'; got the same values in all 30"),
        ({"responses": {"s/IT": NAN}}, "finite features in 's/IT'; got NaN or infinity in 1 of 30"),
        ({"responses": {"s/IT": cs.RDM(np.arange(435.0))}}, "with units; got an RDM in 's/IT'"),
        ({"responses": Y[:20]}, "arrays of the same length.*; got 30 rows in 'features', 20 in 'responses'"),
        ({"penalties": [1, 0]}, "penalties above 0; got"),
        ({"penalties": []}, "penalties above 0; got"),
        ({"delays": [0, 30]}, "delays shorter than the shortest run, of 30 samples; got a delay of 30"),
        ({"delays": [6], "groups": np.repeat(range(5), 6)}, "shortest run, of 6 samples; got a delay of 6"),
        ({"delays": [-1]}, "delays as different whole numbers of samples, from 0"),
        ({"delays": [1, 1]}, "delays as different whole numbers of samples, from 0"),
        ({"delays": [1], "groups": [0, 1, 2, 3, 4] * 6}, "follow each other.*; got 5 groups in 30 stretches"),
        ({"gap": -1}, "gap of 0 or more, a whole number; got gap=-1. Fix: use gap=0"),
        ({"gap": 5}, "leaves two samples or more of each of 5 folds; got gap=5, and a fold of 6 samples"),
        ({"gap": 90}, "leaves two samples or more of each of 5 folds; got gap=90, and a fold of 6 samples"),
        ({"gap": 1, "groups": [0, 1, 2, 3, 4] * 6}, "follow each other, for a gap; got 5 groups in 30 stretches"),
        ({"joint": True}, "two spaces or more to be fitted together; got one"),
        ({"joint": True, "nuisance": X[:, :1], "permutations": 9}, "joint=True without permutations"),
        ({"bands": 0}, "bands of 1 or more"),
        ({"bands": 2.5}, "bands of 1 or more, a whole number; got bands=2.5"),
        ({"permutations": 9.0}, "permutations of 0 or more, a whole number; got permutations=9.0"),
        ({"folds": 5.0}, "folds of 3 or more, a whole number; got folds=5.0. Fix: use folds=5"),
        ({"folds": None}, "folds of 3 or more, a whole number; got folds=None"),
        ({"penalties": "a"}, "penalties above 0; got a"),
        ({"features": [X, X]}, "a mapping from names to arrays; got ndarray without a name"),
        ({"features": X.tolist()}, "a mapping from names to arrays; got list without a name"),
        ({"features": "net"}, "a mapping from names to arrays; got 'net'"),
        ({"features": 3}, "a mapping from names to arrays; got 3"),
        ({"features": None}, "features: an array, or a mapping.*; got None. Fix: give features"),
        ({"responses": None}, "responses: an array, or a mapping.*; got None"),
        ({"features": {"net": None}}, "'net' as an array of shape .*; got None"),
        ({"responses": WHOLE}, "'responses'; got NaN .* 30 of 30 samples, all of them in 1 of 3 units .column 1"),
        ({"folds": 15, "groups": np.repeat(range(30), 1), "permutations": 5}, "fewer permutations than the 1 shifts"),
        ({"budget": 100}, "decompositions of features in half of the budget.*for 1 spaces of up to 3 features"),
    ],
)  # fmt: skip
def test_what_is_refused(options, text):
    with pytest.raises(cs.BadInput, match=text):
        cs.encode(**{"features": X, "responses": Y, **options})
