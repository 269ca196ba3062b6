"""Metrics fitted on one half of the samples and scored on the other: values, subsets, nulls, ties and refusals."""

import json

import numpy as np
import pytest
import reference_held_out as reference
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from references import REFERENCE

import consilience as cs
from consilience.engine.inference.jackknife import standard_error
from consilience.engine.inference.split import folded, held_out, split
from consilience.engine.metrics.registry import parse

HELD_OUT = [m for m in REFERENCE if parse(m).needs == "held_out"]


def related(n, d1, d2, seed=0, noise=0.5):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 3))
    return [shared @ rng.normal(size=(3, d)) + noise * rng.normal(size=(n, d)) for d in (d1, d2)]


@st.composite
def features(draw):
    """More train rows than units by far: a fit that is nearly singular cannot be known to the last digits."""
    d1, d2 = draw(st.integers(2, 7)), draw(st.integers(2, 7))
    n = 6 * max(d1, d2) + draw(st.integers(8, 50))
    pair = related(n, d1, d2, draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0.3, 2.0])))
    scale, offset = 10.0 ** draw(st.integers(-3, 3)), draw(st.sampled_from([0.0, 1.0, 5.0]))
    return [((x + offset) * scale).astype(draw(st.sampled_from([np.float32, np.float64]))) for x in pair]


def agree(metrics, x, y):
    table = cs.compare({"x": x}, {"y": y}, metrics, se=False, null=False)
    for k, metric in enumerate(metrics):
        want = REFERENCE[metric](x.astype(np.float64), y.astype(np.float64))
        got = float(table["score"].values[k, 0, 0])
        assert np.isnan(got) == np.isnan(want), metric
        assert np.isnan(got) or abs(got - want) < 1e-9 * max(1, abs(want)), (metric, got, want)


@given(features())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_agreement_to_1e_9(pair):
    agree(HELD_OUT, *pair)


def test_more_units_than_train_samples():
    x, y = related(30, 40, 90)
    agree([m for m in HELD_OUT if "cca" not in m], x, y)  # all canonical correlations are 1
    assert cs.score("mnn:k=3,space=cca", x, x.copy()) == 1


def test_galleries_anchors_and_seeds_that_are_drawn():
    x, y = related(80, 5, 6, noise=1.0)
    cases = {
        "stitch:gallery=12,report=recall_1": reference.stitch(x, y, "recall_1", gallery=12),
        "relative:anchors=9,gallery=12": reference.relative(x, y, anchors=9, gallery=12),
        "matching:gallery=14,seeds=6": reference.qap(x, y, 6, 14),
        "mnn:anchors=6,gallery=20,k=2,space=relative": reference.mnn(x, y, "relative", k=2, anchors=6, gallery=20),
    }  # fmt: skip
    for metric, want in cases.items():
        table = cs.compare({"x": x}, {"y": y}, [metric], null=False)
        assert abs(float(table["score"].squeeze()) - want) < 1e-9, metric
        gallery = parse(metric).parameters["gallery"]
        assert float(table["n"].squeeze()) == gallery
        assert list(table["groups"].values) == [min(gallery, 20)]


@pytest.mark.parametrize("metric", [*HELD_OUT, "linreg:folds=4"])
def test_the_score_is_the_same_with_and_without_its_error(metric):
    x, y = related(90, 5, 5, noise=1.0)
    want = cs.score(metric, x, y)
    for options in ({"groups": 20}, {"groups": 7}, {"groups": 1}, {"threads": 1}):
        table = cs.compare({"x": x, "y": y}, metrics=[metric], permutations=2, **options)
        assert abs(table["score"].values[0, 0, 1] - want) < 1e-9, options
    assert any(cs.score(metric, x, y, seed=seed) != want for seed in (1, 2, 3))


@pytest.mark.parametrize("metric", ["stitch", "relative:report=recall_1", "mnn:k=2", "linreg:folds=4"])
def test_many_pairs_score_as_each_does_by_itself(metric):
    """Few pairs share the rows among the threads, many are shared themselves."""
    data = {f"m/{d}": related(60, d, 3, noise=1.0)[0] for d in range(2, 9)}
    table = cs.compare(data, metrics=[metric], permutations=2, threads=2)
    for a, x in data.items():
        for b, y in data.items():
            alone = cs.compare({"x": x}, {"y": y}, [metric], permutations=2, threads=2)
            for name in ("score", "se", "score_holdout"):
                want = float(alone[name].squeeze())
                assert float(table[name].sel(a=a, b=b).squeeze()) == pytest.approx(want, abs=1e-9), (a, b)


ROWS = {
    "stitch": lambda x, y, rows: reference.stitch(x, y, rows=rows),
    "stitch:report=recall_5": lambda x, y, rows: reference.stitch(x, y, "recall_5", rows=rows),
    "relative": lambda x, y, rows: reference.relative(x, y, rows=rows),
    "relative:report=recall_1": lambda x, y, rows: reference.relative(x, y, "recall_1", rows=rows),
    "mnn:k=2": lambda x, y, rows: reference.mnn(x, y, k=2, rows=rows),
    "mnn:distance=euclidean,k=1,space=cca": lambda x, y, rows: reference.mnn(
        x, y, "cca", "euclidean", 1, rows=rows
    ),
}


@pytest.mark.parametrize("metric", sorted(ROWS))
def test_errors_and_halves_are_those_of_the_held_out_samples(metric):
    """Every subset of groups scored anew from its rows, under the same fit."""
    x, y = related(110, 5, 6, noise=1.5)
    held = held_out(split(110, 0).held, 10, 0, se=True)
    values = np.array([ROWS[metric](x, y, held.rows[inside]) for inside in held.inside])
    table = cs.compare({"x": x}, {"y": y}, [metric], groups=10, permutations=2)
    chosen = held.subsets
    want = {
        "score": values[chosen.full],
        "se": standard_error(values[chosen.leave_out]),
        "score_select": values[chosen.select],
        "score_holdout": values[chosen.holdout],
        "se_holdout": standard_error(values[chosen.holdout_leave_out]),
    }
    for name, value in want.items():
        assert abs(float(table[name].squeeze()) - value) < 1e-9, name
    assert (list(table["groups"].values), list(table["groups_holdout"].values)) == ([10], [5])


def permuted(metric, x, y, rows):
    """The score when sample i of those rows is paired with sample order[i], by order; the fit as it is."""
    cut = split(len(x), 0)
    if metric.startswith("stitch"):
        predicted = reference.affine(x[cut.train], y[cut.train])(x[rows])
        centre = y[cut.train].mean(0)
        actual, total = y[rows], ((y[rows] - centre) ** 2).sum()
        if metric == "stitch":
            return lambda order: 1 - ((actual[order] - predicted) ** 2).sum() / total
        similarity = reference.cosines(predicted - centre, actual - centre)
    else:
        angular = metric.startswith("indra")
        a, b = (reference.profiles(z, rows, cut.anchors(256), angular) for z in (x, y))
        similarity = reference.cosines(a, b)
    if metric.endswith("recall_5"):
        near = np.argsort(-similarity, axis=1, kind="stable")[:, :5]
        return lambda order: (near == order[:, None]).any(axis=1).mean()
    return lambda order: similarity[np.arange(len(order)), order].mean()


@pytest.mark.parametrize(
    "metric", ["stitch", "stitch:report=recall_5", "relative", "indra", "indra:report=recall_5"]
)
def test_exact_null_is_that_of_10_000_permutations(metric):
    """Of pairings of held-out samples, all of them and those of the holdout half."""
    x, y = related(80, 4, 5, noise=1.5)
    table = cs.compare({"x": x}, {"y": y}, [metric])
    assert list(table["null"].values) == ["exact permutation moments"]
    held = held_out(split(80, 0).held, 20, 0, se=True)
    rng = np.random.default_rng(1)
    for subset, suffix in ((held.subsets.full, ""), (held.subsets.holdout, "_holdout")):
        rows = held.rows[held.inside[subset]]
        score = permuted(metric, x, y, rows)
        draws = np.array([score(rng.permutation(len(rows))) for _ in range(10_000)])
        value, z, p = (
            float(table[name].squeeze()) for name in ("score" + suffix, "z" + suffix, "p" + suffix)
        )
        mean, sd = draws.mean(), draws.std()
        assert abs(value - score(np.arange(len(rows)))) < 1e-9
        assert z == pytest.approx((value - mean) / sd, rel=0.04, abs=0.04)
        if not suffix:
            assert abs(float(table["null_mean"].squeeze()) - mean) < 0.05 * sd
        assert (p < 0.01) == (np.mean(draws >= value) < 0.01)


@pytest.mark.parametrize("method", ["qap", "local_cka"])
def test_unrelated_samples_are_matched_by_chance(method):
    x, y = (np.random.default_rng(s).normal(size=(120, 5)) for s in (1, 2))
    table = cs.compare({"x": x}, {"y": y}, [f"matching:method={method}"])
    assert abs(float(table["null_mean"].squeeze()) - 1 / 60) < 1e-12
    score, z = float(table["score"].squeeze()), float(table["z"].squeeze())
    assert abs(z - (60 * score - 1)) < 1e-9  # fixed points of a random pairing: mean one, variance one
    assert score < 0.1
    half, z = float(table["score_holdout"].squeeze()), float(table["z_holdout"].squeeze())
    rng = np.random.default_rng(3)  # those of 30 samples in a pairing of all 60
    draws = [(rng.permutation(60)[:30] == np.arange(30)).mean() for _ in range(20_000)]
    assert z == pytest.approx((half - np.mean(draws)) / np.std(draws), rel=0.1, abs=0.1)


@pytest.mark.parametrize("method", ["qap", "local_cka"])
def test_a_tie_does_not_favour_the_truth(method):
    """Of two copies of a sample no similarity tells which is which."""
    x = np.repeat(np.random.default_rng(4).normal(size=(150, 6)), 2, axis=0)
    rows = split(300, 0).gallery(200)
    apart = np.isin(
        rows // 2, [k for k, count in zip(*np.unique(rows // 2, return_counts=True)) if count == 1]
    )
    got = cs.score(f"matching:method={method}", x, x.copy())
    assert apart.mean() <= got < apart.mean() + 0.75 * (1 - apart.mean())


def test_the_lower_of_two_copies_is_found():
    x = np.repeat(np.random.default_rng(5).normal(size=(60, 6)), 2, axis=0)
    rows = split(120, 0).held
    first = np.isin(rows, rows[np.unique(rows // 2, return_index=True)[1]])
    for metric in ("stitch", "relative", "indra"):
        got = cs.score({"name": metric, "report": "recall_1"}, x, x.copy())
        assert abs(got - first.mean()) < 1e-12, metric
    assert cs.score("mnn:k=2", x, x.copy()) == 1


def test_an_affine_map_is_recovered():
    x = np.random.default_rng(6).normal(size=(80, 8)) + 3
    y = x[:, :5] @ np.random.default_rng(7).normal(size=(5, 4)) - 2
    assert abs(cs.score("stitch", x, y) - 1) < 1e-12
    assert cs.score("stitch:report=recall_1", x, y) == 1
    assert cs.score("stitch", y, x) < 0.8
    assert abs(cs.score("linreg:folds=5", x, y) - 1) < 1e-12


def test_rows_of_zeros_have_cosine_0():
    x, y = related(60, 4, 5)
    x[::3], y[::4] = 0, 0
    agree([m for m in HELD_OUT if m.startswith(("relative", "indra"))], x, y)
    one = np.eye(40)[:, :20]  # of 40 samples half are zero, and no two others have anything in common
    assert np.isfinite(cs.score("relative", one, one.copy()))


def test_units_that_cannot_be_paired_have_no_score():
    data = dict(zip("abc", [*related(40, 4, 5), related(40, 4, 4, seed=1)[0]]))
    table = cs.compare(data, metrics=["mnn:k=2,space=none"], permutations=3)
    unequal = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
    for name in ("score", "se", "null_mean", "p", "score_holdout"):
        assert (np.isnan(table[name].values[0]) == unequal).all(), name
    assert all("different numbers of units" in r for r in json.loads(table.attrs["reasons"]).values())


@pytest.mark.parametrize("space", ["procrustes", "cca", "relative", "none"])
def test_neighbours_of_related_spaces_are_closer_than_when_what_joins_them_is_permuted(space):
    metric = f"mnn:distance=euclidean,k=1,space={space}"
    rng = np.random.default_rng(8)
    x = rng.normal(size=(160, 5)) * [1, 1, 2, 3, 4]
    y = x + 0.05 * rng.normal(size=(160, 5))
    table = cs.compare({"x": x, "y": y, "u": rng.normal(size=(160, 5))}, metrics=[metric])
    assert list(table["null"].values) == ["20 permutations"]
    assert table["z"].values[0, 0, 1] > 5
    assert table["z_holdout"].values[0, 0, 1] > 3
    assert abs(table["z"].values[0, 0, 2]) < 4


def test_folds_and_what_their_null_permutes():
    """Each fold is predicted from the others; samples of Y stay in their fold."""
    x, y = related(90, 4, 3, noise=2.0)
    table = cs.compare({"x": x}, {"y": y}, ["linreg:folds=3"], permutations=400)
    dealt = folded(90, 3, 1, 0)
    rng = np.random.default_rng(9)
    draws = []
    for _ in range(300):
        shuffled = y.copy()
        for rows in np.split(dealt.order, dealt.edges[1:-1]):
            shuffled[rows] = y[rng.permutation(rows)]
        draws.append(reference.linreg_folds(x, shuffled, 3))
    assert abs(float(table["null_mean"].squeeze()) - np.mean(draws)) < 0.3 * np.std(draws)
    score = float(table["score"].squeeze())
    assert float(table["z"].squeeze()) == pytest.approx((score - np.mean(draws)) / np.std(draws), rel=0.25)
    assert 0 < float(table["se"].squeeze()) < 0.2


REFUSED = {
    "three held out": (7, "stitch", "at least 4 held-out samples .* got 3 of 7 samples"),
    "k": (40, "mnn:k=20", "k smaller than the number of held-out samples .* use k <= 19"),
    "k of a gallery": (400, "mnn:gallery=8,k=8", "k = 8 with 8 held-out samples"),
    "anchors": (40, "mnn:anchors=9", "'anchors' of 'mnn' with space=relative only;"),
    "gallery": (40, "stitch:gallery=9", "with report=recall_1 or recall_5 only; .* add report=recall_1"),
    "report": (40, "stitch:report=recall", "did you mean 'recall_"),
    "one fold": (40, "linreg:folds=1", "folds from 2 to 20, or 0"),
    "folds": (40, "linreg:folds=21", "folds = 21 with 40 samples"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_refused(case):
    n, metric, words = REFUSED[case]
    with pytest.raises(cs.BadInput, match=words):
        cs.compare(dict(zip("ab", related(n, 3, 3))), metrics=[metric])


@pytest.mark.parametrize("half", ["train", "held"])
def test_a_half_whose_samples_are_all_alike(half):
    x, y = related(40, 4, 4)
    x[getattr(split(40, 0), half)] = 7.3
    metrics = [*HELD_OUT, "linreg:folds=2", "linreg"]
    table = cs.compare({"x": x, "y": y}, metrics=metrics, permutations=2)
    assert np.isfinite(table["score"]).all()
    if half == "train":  # nothing is known of how x varies: its mean is all that serves
        assert abs(float(table["score"].sel(metric="stitch:report=r2,ridge=0", a="x", b="y"))) < 1e-12


def test_the_fewest_samples():
    x, y = related(8, 3, 3)
    table = cs.compare({"x": x, "y": y}, metrics=[m for m in HELD_OUT if "k=" not in m], permutations=2)
    assert np.isfinite(table["score"]).all()
    assert (table["n"] == 4).all()


def test_classes_are_named_by_the_means_of_their_train_samples():
    """On every subset of the held-out samples; with the exact null of the pairing."""
    x, y = related(160, 5, 6, noise=1.0)
    labels = np.digitize(y[:, 0] + y[:, 1], [-2, 0, 2])
    labels[split(160, 0).held[0]] = 9  # a class that no train sample has is never named
    hit = reference.named(x, y, labels) == labels
    held = held_out(split(160, 0).held, 10, 0, se=True)
    values, chosen = held.means(hit[held.rows].astype(float)), held.subsets
    table = cs.compare({"x": x}, {"y": y}, ["stitch:report=class"], groups=10, labels=labels)
    words = np.array(list("cdeffffffa"))[labels]
    same = cs.compare({"x": x}, {"y": y}, ["stitch:report=class"], groups=10, labels=words)
    xr.testing.assert_allclose(same, table)  # classes may be words
    want = {
        "score": values[chosen.full],
        "se": standard_error(values[chosen.leave_out]),
        "score_holdout": values[chosen.holdout],
        "se_holdout": standard_error(values[chosen.holdout_leave_out]),
    }
    for name, value in want.items():
        assert float(table[name].squeeze()) == pytest.approx(value, abs=1e-9), name
    rng, names = np.random.default_rng(1), reference.named(x, y, labels)[held.rows]
    draws = np.array([(names == labels[held.rows][rng.permutation(80)]).mean() for _ in range(10_000)])
    assert float(table["null_mean"].squeeze()) == pytest.approx(draws.mean(), abs=0.05 * draws.std())
    assert float(table["z"].squeeze()) == pytest.approx(
        (values[chosen.full] - draws.mean()) / draws.std(), rel=0.04
    )
    with pytest.raises(ValueError, match="labels of the samples"):
        cs.compare({"x": x}, {"y": y}, ["stitch:report=class"])
