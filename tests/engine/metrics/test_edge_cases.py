"""Every metric on awkward features: it equals its definition, or is undefined where the definition is."""

import json

import numpy as np
import pytest
import reference
from references import REFERENCE

import consilience as cs
from consilience.engine.metrics.registry import parse


def related(n=40, d1=6, d2=7, seed=30):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 3))
    return tuple(shared @ rng.normal(size=(3, d)) + rng.normal(size=(n, d)) for d in (d1, d2))


def rank_deficient():
    x, y = related()
    return np.hstack([x, x @ np.random.default_rng(31).normal(size=(6, 3))]), y


def duplicated_columns():
    x, y = related()
    return np.hstack([x, x[:, :3]]), np.hstack([y, y])


def duplicated_samples():
    x, y = related(n=20)
    return np.repeat(x, 2, axis=0), np.repeat(y, 2, axis=0)


def one_outlier_unit():
    x, y = related()
    x[:, 2] *= 1e4
    return x, y


def tiny_and_huge():
    x, y = related()
    return x * 1e-8, y * 1e8


def more_units_than_samples():
    return related(n=12, d1=30, d2=50)


def one_unit_each():
    return related(d1=1, d2=1)


CASES = [
    rank_deficient, duplicated_columns, duplicated_samples, one_outlier_unit, tiny_and_huge, more_units_than_samples,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.__name__)
def test_every_metric_equals_its_definition(case):
    x, y = case()
    # Nothing tells copies of a sample apart: any assignment among them is as good.
    metrics = [m for m in REFERENCE if case is not duplicated_samples or not m.startswith("matching")]
    table = cs.compare({"x": x}, {"y": y}, metrics, se=False, null=False)
    for metric, got in zip(metrics, table["score"].values[:, 0, 0]):
        want = REFERENCE[metric](x, y)
        # Distances that an outlier unit decides differ by less than the grid on which ranks call them tied.
        tolerance = 1e-5 if case is one_outlier_unit and metric.startswith("rsa") else 1e-7
        assert np.isnan(got) == (not np.isfinite(want)), (metric, got, want)
        assert np.isnan(got) or abs(got - want) < tolerance * max(1, abs(want)), (metric, got, want)


def test_one_unit():
    """What a single unit has, agrees. It has no correlation over units: a matrix of nothing but ties."""
    x, y = related(d1=1, d2=1)
    table = cs.compare({"x": x}, {"y": y}, list(REFERENCE), se=False, null=False)
    # A tie is half in order, half not; and two matrices whose entries are all alike are alike.
    settled = {"rsa:compare=rho_a": 0.0, "rsa:compare=kendall": 0.0, "rsa:compare=whitened_cosine": 1.0}
    undefined = [m for m in REFERENCE if m.startswith("rsa") and "rdm=" not in m and m not in settled]
    undefined.append("cka:estimator=unbiased_both")
    for metric, got in zip(REFERENCE, table["score"].values[:, 0, 0]):
        if metric in undefined:
            assert np.isnan(got), metric
        elif metric in settled:
            assert abs(got - settled[metric]) < 1e-9, metric
        else:
            want = REFERENCE[metric](x, y)
            assert abs(got - want) < 1e-7, (metric, got, want)
    assert table.attrs["reasons"].count("|x|y") == len(undefined)


COMPARED = ("spearman", "pearson", "cosine", "rho_a", "whitened_cosine", "kendall")


@pytest.mark.parametrize("rdm", ["correlation", "cosine"])
@pytest.mark.parametrize(("n", "dtype"), [(30, np.float64), (30, np.float32), (1200, np.float32)])
def test_an_rdm_of_nothing_but_rounding_errors_has_no_score(rdm, n, dtype):
    """Of two units, one always above the other, every correlation is 1; and so is every cosine along one direction."""
    rng = np.random.default_rng(3)
    away = 10 ** rng.uniform(-0.5, 0.5, (n, 1))
    along = 2.0 ** rng.integers(-5, 5, (n, 1)) * rng.normal(size=(1, 9))
    flat = np.hstack([30 - away, 30 + away]) if rdm == "correlation" else along
    x = {"flat": flat.astype(dtype), "other": rng.normal(size=(n, 9)).astype(dtype)}
    metrics = [f"rsa:compare={c},rdm={rdm}" for c in COMPARED if c != "kendall" or n <= 1024]
    table = cs.compare(x, metrics=metrics, groups=4, permutations=2)
    for metric in table["metric"].values:
        alone, apart = (table["score"].sel(metric=metric, a="flat", b=b).item() for b in x)
        if "rho_a" in metric or "kendall" in metric:  # of ties alone none agrees or disagrees
            assert (alone, apart) == (0, 0), metric
        else:
            assert np.isnan([alone, apart]).all(), metric
            assert f"{metric}|flat|other" in table.attrs["reasons"]
        assert table["score"].sel(metric=metric, a="other", b="other").item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("metric", ["rsa:compare=pearson", "rsa:compare=cosine,rdm=cosine"])
def test_nor_has_a_random_part_of_it(metric):
    rng = np.random.default_rng(5)
    away, along = 10 ** rng.uniform(-0.5, 0.5, (6000, 1)), 2.0 ** rng.integers(-5, 5, (6000, 1))
    flat = along * rng.normal(size=(1, 9)) if "cosine," in metric else np.hstack([30 - away, 30 + away])
    other = rng.normal(size=(6000, 9))
    table = cs.compare({"flat": flat}, {"other": other, "same": other}, [metric], until_se=0.2, null=False)
    assert np.isnan(table["score"]).all()
    alone = cs.compare({"other": other}, {"same": other.copy()}, [metric], until_se=0.2, null=False)
    assert alone["score"].item() == 1


def test_small_angles_are_no_rounding_errors():
    rng = np.random.default_rng(4)
    x, y = (1e4 * rng.normal(size=(1, 9)) + rng.normal(size=(30, 9)) for _ in range(2))
    assert reference.rdm(x, "cosine").max() < 1e-7
    for compare in COMPARED:
        found = cs.score(f"rsa:compare={compare},rdm=cosine", x, y)
        assert found == pytest.approx(reference.rsa(x, y, "cosine", compare), abs=1e-5), compare


SPECTRAL = [
    "cca", "cca:summary=first", "cca:summary=sum", "cca:ridge=0.5", "svcca", "pwcca", "procrustes",
    "procrustes:whiten=0.3", "bures", "riemann",
]  # fmt: skip


@pytest.mark.parametrize("level", [0.0, 1000.3])
def test_a_half_in_which_one_side_does_not_vary_has_no_score(level):
    """One sample alone is apart, as where a unit is almost never active: in one half of the samples all are alike."""
    x, _ = related()
    y = np.full((40, 1), level)
    y[7] += 2
    every = [m for m in REFERENCE if not m.startswith(("stitch", "relative", "mnn", "matching"))]
    table = cs.compare({"x": x}, {"y": y}, [*every, *(m for m in SPECTRAL if m not in every)], permutations=3)
    for metric in SPECTRAL:
        one = table.sel(metric=parse(metric).id).squeeze()
        halves = [np.isnan(one[f"score_{half}"].item()) for half in ("select", "holdout")]
        assert sorted(halves) == [False, True], metric
        assert np.isfinite(one["score"].item()), metric
        assert np.isnan(one["se"].item()), metric
    single = cs.profile({"y": y}, ["effective_rank", "participation_ratio"])
    assert np.isnan(single["se"]).all()


@pytest.mark.parametrize("n", [17, 400])
def test_one_sample_apart_has_no_unbiased_self_term(n):
    """The others are alike: the U-centred matrix is 0, but for rounding."""
    rng = np.random.default_rng(8)
    for _ in range(20):
        x, y = np.full((n, 1), rng.normal()), rng.normal(size=(n, 5))
        x[rng.integers(n)] = rng.normal()
        for metric in ("cka", "cka:kernel=rbf", "distance_correlation", "cka:estimator=unbiased_both"):
            assert np.isnan(cs.score(metric, x, y)), metric
        assert cs.score("cka:estimator=biased", x, y) == pytest.approx(
            reference.cka(x, y, "biased"), abs=1e-9
        )


def test_turned_signs_of_units():
    """Metrics blind to rotation do not see them; every other one scores what its definition says."""
    x, y = related()
    flipped = x * np.where(np.arange(6) % 2, 1, -1)
    there, back = (
        cs.compare({"x": z}, {"y": y}, list(REFERENCE), se=False, null=False)["score"].values[:, 0, 0]
        for z in (x, flipped)
    )
    changed = []
    for metric, score, turned in zip(REFERENCE, there, back):
        want = REFERENCE[metric](flipped, y)
        assert np.isnan(turned) == np.isnan(want), metric
        assert np.isnan(turned) or abs(turned - want) < 1e-7 * max(1, abs(want)), (metric, turned, want)
        blind = "rotation" in parse(metric).invariances
        assert not blind or abs(score - turned) < 1e-9, metric
        changed += [metric] if abs(score - turned) > 1e-3 else []
    assert {"rsa", "unit_match", "unit_match:match=best"} <= set(changed)


# Of each way in which metrics are had, some; with the errors and the nulls of all of them the cases take minutes.
SOME = [
    "cka", "cka:estimator=biased", "cka:kernel=rbf", "cka:batch=16,estimator=minibatch", "distance_correlation", "rsa",
    "rsa:compare=pearson,rdm=euclidean", "mutual_knn:k=3", "jaccard_knn:k=3", "cknna:k=3", "cycle_knn:k=6",
    "second_order_cosine:k=4", "svcca", "cca", "linreg", "linreg:folds=4", "procrustes", "bures", "riemann",
    "unit_match", "unit_match:match=best", "subspace_match:epsilon=0.7", "stitch", "stitch:report=recall_1", "relative",
    "mnn:k=1", "rsa:compare=kendall", "cka:estimator=unbiased_both",
]  # fmt: skip


@pytest.mark.parametrize("case", [*CASES, one_unit_each], ids=lambda c: c.__name__)
def test_errors_and_nulls_are_numbers_or_their_absence_is_told(case):
    x, y = case()
    table = cs.compare({"x": x}, {"y": y}, SOME, permutations=5)
    reasons, notes = (json.loads(table.attrs[k]) for k in ("reasons", "notes"))
    for metric in table["metric"].values:
        one = table.sel(metric=metric).squeeze()
        score, told = float(one["score"]), reasons.get(f"{metric}|x|y", "")
        if np.isnan(score):
            assert told, metric
            continue
        assert 0 <= float(one["p"]) <= 1 or (np.isnan(one["p"]) and told.startswith("no z")), (
            metric,
            one["p"],
        )
        assert np.isfinite(one["z"]) != told.startswith("no z"), (metric, float(one["z"]), told)
        assert np.isfinite(one["null_mean"]) or told, metric
        se = float(one["se"])
        assert se >= 0 or (
            np.isnan(se) and (told or notes or int(one["groups"]) < 2 or "minibatch" in metric)
        ), metric
        (low, high) = parse(str(metric)).range
        for half in ("score_select", "score_holdout"):
            value = float(one[half])
            assert np.isnan(value) or ((low is None or value >= low) and (high is None or value <= high)), (
                metric
            )


@pytest.mark.parametrize(
    "metric", ["mnn:k=11", "subspace_match:epsilon=0.99", "cycle_knn:k=23", "unit_match"]
)
def test_a_null_without_spread_is_told(metric):
    """All are neighbours, or match, however the samples are permuted."""
    x, y = related(n=24, d1=40, d2=40) if "subspace" in metric else related(n=24)
    table = cs.compare({"x": x, "y": y}, metrics=[metric], permutations=5)
    found = np.isfinite(table["z"].values[0])
    assert found.all() == (metric == "unit_match")
    reasons = json.loads(table.attrs["reasons"])
    name = str(table["metric"].values[0])
    assert reasons == {} if found.all() else {
        f"{name}|{a}|{b}": "no z: the scores of permuted samples do not differ, or are not defined"
        for a in "xy"
        for b in "xy"
    }  # fmt: skip


@pytest.mark.parametrize("n", [4, 5, 6])
def test_so_few_samples_that_a_part_of_them_has_one_distance(n):
    from scipy.spatial.distance import pdist
    from scipy.stats import kendalltau

    x, y = np.random.default_rng(0).normal(size=(2, n, 3))
    table = cs.compare({"x": x}, {"y": y}, ["rsa:compare=kendall,rdm=euclidean"])
    want = kendalltau(pdist(x, "sqeuclidean"), pdist(y, "sqeuclidean")).statistic
    assert float(table["score"].squeeze()) == pytest.approx(want)
