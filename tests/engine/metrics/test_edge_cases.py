"""Every metric on awkward features: it equals its definition, or is undefined where the definition is."""

import numpy as np
import pytest
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


def test_turned_signs_do_not_matter_to_metrics_blind_to_rotation():
    x, y = related()
    flipped = x * np.where(np.arange(6) % 2, 1, -1)
    blind = [m for m in REFERENCE if "rotation" in parse(m).invariances]
    assert len(blind) > 20
    there, back = (
        cs.compare({"x": z}, {"y": y}, blind, se=False, null=False)["score"].values for z in (x, flipped)
    )
    np.testing.assert_allclose(there, back, atol=1e-9)


@pytest.mark.parametrize("n", [4, 5, 6])
def test_so_few_samples_that_a_part_of_them_has_one_distance(n):
    from scipy.spatial.distance import pdist
    from scipy.stats import kendalltau

    x, y = np.random.default_rng(0).normal(size=(2, n, 3))
    table = cs.compare({"x": x}, {"y": y}, ["rsa:compare=kendall,rdm=euclidean"])
    want = kendalltau(pdist(x, "sqeuclidean"), pdist(y, "sqeuclidean")).statistic
    assert float(table["score"].squeeze()) == pytest.approx(want)
