"""Every metric equals its definition, written out literally, whatever the shapes, dtypes, blocks and threads."""

import json
from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from references import REFERENCE
from scipy.spatial.distance import pdist, squareform

import consilience as cs
from consilience.engine.comparison import Comparison
from consilience.engine.inference.subsets import deal
from consilience.engine.metrics.registry import parse, registered

SUMS = [m for m in REFERENCE if parse(m).needs == "sums"]
NEIGHBOURS = [m for m in REFERENCE if parse(m).needs in ("neighbours", "overlaps", "unions")]
HELD_OUT = [m for m in REFERENCE if parse(m).needs == "held_out"]  # see test_held_out.py
ALL_SAMPLES = [m for m in REFERENCE if m not in HELD_OUT]


@st.composite
def features(draw, dtype):
    """Two representations with something in common, of drawn width, size and offset."""
    d1, d2 = draw(st.integers(3, 12)), draw(st.integers(3, 12))
    # With fewer samples several canonical correlations are 1, and the variates behind `pwcca` are not unique.
    n = d1 + d2 + draw(st.integers(4, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shared = rng.normal(size=(n, 3))
    scale, offset = 10.0 ** draw(st.integers(-3, 3)), draw(st.sampled_from([0.0, 1.0, 5.0]))
    made = []
    for d in (d1, d2):
        x = shared @ rng.normal(size=(3, d)) + draw(st.sampled_from([0.3, 2.0])) * rng.normal(size=(n, d))
        made.append(((x + offset) * scale).astype(dtype))
    return made


def agree(metrics, x, y, tolerance):
    table = cs.compare({"x": x}, {"y": y}, metrics, se=False, null=False)
    for k, metric in enumerate(metrics):
        want = REFERENCE[metric](x.astype(np.float64), y.astype(np.float64))
        got = float(table["score"].values[k, 0, 0])
        # Both undefined (a negative self term), or the same number.
        assert np.isnan(got) == (not np.isfinite(want)), (metric, got, want)
        assert np.isnan(got) or abs(got - want) < tolerance, (metric, got, want)


@given(features(np.float64))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_float64_input_agrees_to_1e_9(pair):
    agree(ALL_SAMPLES, pair[0], pair[1], 1e-9)


@given(features(np.float32))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_float32_input_agrees_to_1e_5(pair):
    agree(ALL_SAMPLES, pair[0], pair[1], 1e-5)


def test_float32_kernels_agree_to_1e_5(monkeypatch):
    """More samples than are computed in float64, and all of them behind the bandwidth, as in the reference."""
    monkeypatch.setattr("consilience.engine.passes.sample.MEDIAN_ROWS", 1100)
    rng = np.random.default_rng(14)
    shared = rng.normal(size=(1100, 5))
    x, y = (
        (shared @ rng.normal(size=(5, d)) + rng.normal(size=(1100, d)) + 2).astype(np.float32)
        for d in (30, 50)
    )
    agree(
        [m for m in ALL_SAMPLES if not m.startswith(("jaccard", "cknna", "rsa:compare=kendall"))], x, y, 1e-5
    )


@pytest.mark.parametrize("dtype", ["<f2", ">f2", ">f4", ">f8", np.int32, np.bool_], ids=str)
def test_other_dtypes_are_computed_in_the_nearest_float(dtype):
    rng = np.random.default_rng(1)
    x, y = (np.maximum(rng.normal(size=(40, d)) * 3 + 0.5, 0).astype(dtype) for d in (5, 7))
    for z in (x, y):
        i, d = np.arange(40), z.shape[1]
        z[i, i % d], z[i, (i + 1) % d] = 1, 0  # no row is constant, which has no correlation
    agree(ALL_SAMPLES, x, y, 1e-5)
    little = (z.astype(z.dtype.newbyteorder("<")) for z in (x, y))
    pairs = ({"x": x, "y": y}, dict(zip("xy", little)))
    there, here = (cs.compare(pair, metrics=list(REFERENCE), permutations=2, groups=4) for pair in pairs)
    for name, values in here.items():
        np.testing.assert_array_equal(there[name], values, err_msg=str(name))


def views(x):
    """The same features as arrays that are not contiguous."""
    wide = np.zeros((2 * len(x), 3 * x.shape[1]))
    wide[::2, ::-3] = x
    return {"cut": wide[::2, ::-3], "columns": np.asfortranarray(x), "backwards": x[::-1].copy()[::-1]}


@pytest.mark.parametrize("view", views(np.zeros((2, 2))))
def test_non_contiguous_input(view):
    rng = np.random.default_rng(2)
    x, y = (rng.normal(size=(40, d)) for d in (5, 7))
    pairs = ({"x": x, "y": y}, {"x": views(x)[view], "y": views(y)[view]})
    assert not (view == "cut" and pairs[1]["x"].flags.contiguous)
    here, there = (cs.compare(pair, metrics=list(REFERENCE), permutations=2, groups=4) for pair in pairs)
    for name, values in here.items():
        np.testing.assert_allclose(there[name], values, atol=1e-9, rtol=1e-9, err_msg=str(name))


@pytest.mark.parametrize(("rows", "threads"), [((5, 7), 2), ((16, 40), 3)])
def test_blocks_and_threads_do_not_change_the_scores(monkeypatch, rows, threads):
    """Of more tiles, and of representations of several widths; of every metric see `consilience.engine.testing`."""
    rng = np.random.default_rng(3)
    x = {f"m/{d}": rng.normal(size=(230, d)).astype(np.float32) for d in (4, 9, 17)}
    metrics = [*SUMS, *NEIGHBOURS, "svcca"]
    want = cs.compare(x, metrics=metrics, permutations=2)
    comparison = Comparison(x, metrics=metrics, permutations=2, threads=threads)
    plan = comparison.plan
    from dataclasses import replace

    monkeypatch.setattr(comparison, "plan", lambda: replace(plan(), tile_rows=rows[0], strip_rows=rows[1]))
    got = comparison.run()
    for name in ("score", "se", "null_mean", "score_select", "score_holdout", "se_holdout"):
        np.testing.assert_allclose(got[name], want[name], atol=1e-6, rtol=0, err_msg=name)


@pytest.mark.parametrize("seed", [0, 3])
def test_the_bandwidth_is_that_of_1024_samples_and_is_told(seed):
    """Drawn by the seed among the samples in the order of the row groups; two clusters, so that it matters which."""
    rng = np.random.default_rng(22)
    x, y = (rng.normal(size=(1300, d)) + 5.0 * (np.arange(1300) % 7 == 0)[:, None] for d in (4, 6))
    y[:, :4] += x
    table = cs.compare({"x": x}, {"y": y}, ["cka:bandwidth=0.5,kernel=rbf"], null=False, seed=seed)
    rows = deal(1300, 20, seed).order[np.sort(np.random.default_rng(seed).choice(1300, 1024, replace=False))]
    grams = []
    (note,) = json.loads(table.attrs["notes"]).values()
    for name, z in (("x", x), ("y", y)):
        median = np.median(pdist(z[rows]))
        assert note["median_distance"][name] == pytest.approx(median, rel=1e-9)
        assert abs(median / np.median(pdist(z)) - 1) > 1e-6  # that of all samples is another one
        grams.append(np.exp(-(squareform(pdist(z)) ** 2) / (2 * (0.5 * median) ** 2)))
    k, l = grams
    hsic = reference.hsic_unbiased
    assert float(table["score"].squeeze()) == pytest.approx(
        hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l)), abs=1e-9
    )


def test_tiles_and_moments_give_the_same_cka():
    rng = np.random.default_rng(4)
    shared = rng.normal(size=(300, 4))
    x = {f"m/{d}": shared @ rng.normal(size=(4, d)) + rng.normal(size=(300, d)) + 7 for d in (3, 20)}
    metrics = ["cka", "cka:estimator=biased"]
    assert Comparison(x, metrics=metrics).plan().linear_by_moments
    assert not Comparison(x, metrics=[*metrics, "rsa"]).plan().linear_by_moments
    by_moments, by_tiles = cs.compare(x, metrics=metrics), cs.compare(x, metrics=[*metrics, "rsa"])
    for name in by_moments.data_vars:
        if name not in ("q", "calibrated", "p", "p_holdout"):  # these rest on the estimated skewness
            want = by_tiles[name].isel(metric=[0, 1])
            np.testing.assert_allclose(by_moments[name], want, atol=1e-9, rtol=1e-9, err_msg=name)


IDENTICAL = {
    "plain": (50, 6),
    "one unit": (50, 1),
    "fewer samples than units": (14, 40),
    "float32": (1100, 5),
}


@pytest.mark.parametrize("case", IDENTICAL)
def test_identical_representations_score_the_best_exactly(case):
    x = np.random.default_rng(5).normal(size=IDENTICAL[case])
    x = x.astype(np.float32) if case == "float32" else x
    metrics = [
        m for m in REFERENCE
        # Tau-a is of few samples, and the others take long of many.
        if (case != "float32" or not m.startswith(("rsa:compare=kendall", "jaccard", "cknna", "matching")))
        # What the train half of so few does not span is not mapped, and all cosines over one unit are ties.
        and (m not in HELD_OUT or case in ("plain", "float32"))
        and (case != "fewer samples than units" or "folds" not in m)
        and (case != "one unit" or "rdm=" in m or not m.startswith("rsa"))  # it has no correlation over units
    ]  # fmt: skip
    table = cs.compare({"x": x, "y": x.copy()}, metrics=metrics, null=False)
    for metric, scores, se in zip(metrics, table["score"].values, table["se"].values):
        request = parse(metric)
        if request.alike and np.isfinite(request.best):
            assert (scores == request.best).all(), (metric, scores - request.best)
            assert (~(se > 1e-5)).all(), metric  # parts of the samples are compared in fewer digits
        elif case == "plain":
            np.testing.assert_allclose(scores, REFERENCE[metric](x, x), atol=1e-9, err_msg=metric)


def test_copies_are_known_by_what_they_hold(tmp_path):
    """In tables with their rows in another order, in another dtype; and not where a single value differs."""
    x = np.random.default_rng(18).normal(size=(50, 6)).astype(np.float32)
    order, ids = np.random.default_rng(19).permutation(50), np.arange(50).astype(str)
    store = cs.FeatureStore(tmp_path)
    tables = [
        store.write(name, "set", ids[rows], {"l": z[rows]})
        for name, z, rows in (("a", x, slice(None)), ("b", x, order), ("c", x.astype(np.float64), slice(None)))
    ]  # fmt: skip
    metrics = ["riemann", "rsa", "distance_correlation", "procrustes", "bures"]
    table = cs.compare(tables, metrics=metrics, null=False)
    for metric, scores in zip(metrics, table["score"].values):
        assert (scores == parse(metric).best).all(), metric
    near = x.astype(np.float64)
    near[-1, -1] *= 1 + 1e-4
    apart = cs.compare(
        {"x": x, "near": near}, metrics=["linreg", "riemann", "procrustes:form=squared"], null=False
    )
    for scores in apart["score"].values:
        assert scores[0, 0] == scores[1, 1] != scores[0, 1]


def test_copies_have_the_best_score_for_the_best_layers_too():
    x = np.random.default_rng(20).normal(size=(40, 5))
    table = cs.best_layers({"a/0": x, "b/0": x.copy()}, metrics=["rsa", "riemann"], permutations=19)
    assert table["score"].values[:, 0, 1].tolist() == [1, 0]


def test_an_rdm_that_no_features_have_may_score_below_the_range():
    """Of a matrix that is not one of distances between points, <K, K> is still positive, but <K, L> need not be."""
    apart = np.not_equal.outer(np.arange(12) % 2, np.arange(12) % 2).astype(float)
    opposite = 1 - apart - np.eye(12)  # as far as can be within each of the two groups, and nowhere else
    assert cs.score("cka:estimator=biased", cs.RDM(apart), cs.RDM(opposite)) < -0.1


@pytest.mark.parametrize("part", ["score_select", "score_holdout"])
def test_rho_a_of_a_part_of_the_samples_is_within_its_range(part):
    """Ranks are those among all samples: on a part of them their variance is another one, which it is divided by."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(24, 5))
        x = np.round(x) if seed % 2 else x
        y = x + rng.normal(size=x.shape)
        table = cs.compare({"x": x, "y": y}, metrics=["rsa:compare=rho_a,rdm=euclidean", "rsa:rdm=euclidean"])
        rho_a, spearman = table[part].values
        assert (np.abs(rho_a) <= 1).all()
        if not seed % 2:  # without ties the two are one
            np.testing.assert_allclose(rho_a, spearman, atol=1e-9)
            np.testing.assert_allclose(table["se"].values[0], table["se"].values[1], atol=1e-9)


@pytest.mark.parametrize("magnitude", [1e-8, 1e8, 1e150])
def test_magnitude_of_the_features_does_not_matter(magnitude):
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(40, 5)), rng.normal(size=(40, 4))
    for metric in ("cka", "rsa", "mutual_knn", "svcca", "procrustes"):
        assert abs(cs.score(metric, x * magnitude, y) - cs.score(metric, x, y)) < 1e-9, metric


def test_float32_features_far_from_the_origin():
    """Sums of squares of these would lose every digit in float32; the shift by a provisional mean saves them."""
    rng = np.random.default_rng(8)
    x = (rng.normal(size=(200, 10)) + 1000).astype(np.float32)
    y = (x[:, :4] * 2 + rng.normal(size=(200, 4))).astype(np.float32)
    want = reference.cka(*(z.astype(np.float64) for z in (x - 1000, y - 2000)))
    assert abs(cs.score("cka", x, y) - want) < 1e-5


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-9)])
def test_fewer_samples_than_units(dtype, tolerance):
    rng = np.random.default_rng(13)
    shared = rng.normal(size=(12, 3))
    x, y = ((shared @ rng.normal(size=(3, d)) + rng.normal(size=(12, d))).astype(dtype) for d in (40, 90))
    agree([m for m in ALL_SAMPLES if m != "pwcca"], x, y, tolerance)


def test_closed_forms():
    rng = np.random.default_rng(9)
    x = np.linalg.qr(rng.normal(size=(50, 8)) - 0)[0]
    x = np.linalg.qr(x - x.mean(0))[0]  # orthonormal centred columns
    # Two subspaces of 4 dimensions that share 2 of them.
    assert abs(cs.score("cka:estimator=biased", x[:, :4], x[:, 2:6]) - 0.5) < 1e-9
    assert abs(cs.score("cca", x[:, :4], x[:, 2:6]) - 0.5) < 1e-9
    assert abs(cs.score("linreg", x[:, :4], x[:, 2:6]) - 0.5) < 1e-9
    assert abs(cs.score("bures", x[:, :4], x[:, 2:6]) - 0.5) < 1e-9
    assert abs(cs.score("procrustes", x[:, :4], x[:, 4:]) - np.pi / 2) < 1e-9


@pytest.mark.parametrize("kind", ["euclidean", "correlation"])
def test_whitened_cosine_equals_another_package(kind):
    """rsatoolbox's; on squared Euclidean RDMs it is biased linear CKA."""
    import rsatoolbox

    rng = np.random.default_rng(10)
    x, y = rng.normal(size=(30, 6)), rng.normal(size=(30, 9))
    y[:, :6] += x
    rdms: list[Any] = [rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(z), method=kind) for z in (x, y)]
    want = rsatoolbox.rdm.compare(rdms[0], rdms[1], method="cosine_cov")[0, 0]
    assert abs(cs.score(f"rsa:compare=whitened_cosine,rdm={kind}", x, y) - want) < 1e-6
    if kind == "euclidean":
        assert abs(cs.score("cka:estimator=biased", x, y) - want) < 1e-6


@pytest.mark.parametrize("method", ["rho-a", "spearman", "tau-a"])
def test_rank_correlations_equal_another_package(method):
    import rsatoolbox

    rng = np.random.default_rng(15)
    x, y = (
        rng.integers(-2, 3, size=(20, 4)).astype(float) for _ in range(2)
    )  # many distances tied, and exactly
    rdms: list[Any] = [
        rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(z), method="euclidean") for z in (x, y)
    ]
    want = rsatoolbox.rdm.compare(rdms[0], rdms[1], method=method)[0, 0]
    name = {"rho-a": "rho_a", "tau-a": "kendall"}.get(method, method)
    assert abs(cs.score(f"rsa:compare={name},rdm=euclidean", x, y) - want) < 1e-9


def test_kendall_is_for_few_samples():
    x = np.random.default_rng(16).normal(size=(1025, 2))
    with pytest.raises(cs.BadInput, match="at most 1024 samples for 'rsa:compare=kendall"):
        cs.score("rsa:compare=kendall", x, x)


def test_a_bandwidth_is_for_the_kernel_that_has_one():
    assert parse("cka").id == "cka:estimator=unbiased,kernel=linear"
    assert parse("cka:kernel=rbf").id == "cka:bandwidth=1,estimator=unbiased,kernel=rbf"
    with pytest.raises(cs.BadInput, match="leave bandwidth out, or add kernel=rbf"):
        parse("cka:bandwidth=2")


@pytest.mark.parametrize("metric", ["rsa:compare=kendall", "second_order_cosine:k=4"])
def test_seeded_permutations_are_of_the_samples_of_one_side(metric):
    rng = np.random.default_rng(17)
    x, y = rng.normal(size=(40, 5)), rng.normal(size=(40, 6))
    y[:, :5] += x
    table = cs.compare({"x": x}, {"y": y}, [metric], permutations=6, groups=20)
    order, rng = deal(40, 20, 0).order, np.random.default_rng([0, 1])
    draws = []
    for _ in range(6):
        permuted = order[rng.permutation(40)]
        draws.append(REFERENCE[metric](x[order], y[permuted]))
    assert abs(float(table["null_mean"][0, 0, 0]) - np.mean(draws)) < 1e-9
    assert float(table["p"][0, 0, 0]) == 1 / 7


def test_directed_metrics_differ_by_direction_and_the_others_do_not():
    rng = np.random.default_rng(11)
    x = rng.normal(size=(80, 3))
    data = {"x": x, "y": np.hstack([x, rng.normal(size=(80, 3))])}
    pairwise = sorted(name for name, m in registered().items() if not m.single)
    table = cs.compare(data, metrics=pairwise, null=False)
    for k, metric in enumerate(table["metric"].values):
        there, back = table["score"].values[k, 0, 1], table["score"].values[k, 1, 0]
        if parse(metric).symmetric:
            assert np.array_equal(there, back, equal_nan=True)  # `unit_corr` of unequal widths is NaN
    linreg = table["score"].sel(metric="linreg:folds=0,ridge=0").values
    assert linreg[1, 0] > 0.999 > 0.8 > linreg[0, 1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_of_distances_get_their_mean_rank(dtype):
    """Over two units every correlation is 1 or -1; copies of samples are at distance 0."""
    rng = np.random.default_rng(12)
    x = rng.normal(size=(30, 2)).astype(dtype)
    y = np.repeat(rng.normal(size=(15, 6)), 2, axis=0).astype(dtype)
    for kind in ("correlation", "cosine", "euclidean"):
        want = reference.rsa(x.astype(np.float64), y.astype(np.float64), kind)
        assert abs(cs.score({"name": "rsa", "rdm": kind}, x, y) - want) < 1e-5, kind
