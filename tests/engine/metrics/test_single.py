"""Metrics of one representation equal their definitions, written out literally, and known values of known shapes."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_single import REFERENCE, effective_rank, participation_ratio, two_nn, uniformity

import consilience as cs
from consilience.engine.metrics.registry import INVARIANCES, parse
from consilience.engine.profile import every_metric

METRICS = list(REFERENCE)
NEIGHBOURS = [m for m in METRICS if parse(m).needs == "distances"]


@st.composite
def features(draw, dtype):
    """One representation of drawn width, size, spread and offset; of fewer samples than units too."""
    n, d = draw(st.integers(12, 60)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale, offset = 10.0 ** draw(st.integers(-8, 8)), draw(st.sampled_from([0.0, 1.0, 30.0]))
    x = rng.normal(size=(n, d)) * 10.0 ** rng.uniform(-1, 1, size=d)
    return ((x + offset) * scale).astype(dtype)


def agree(x, tolerance):
    table = cs.profile({"x": x}, METRICS, se=False)
    for metric, got in zip(METRICS, table["score"].values[:, 0]):
        want = REFERENCE[metric](x.astype(np.float64))
        assert abs(got - want) < tolerance * max(1.0, abs(want)), (metric, got, want)


@given(features(np.float64))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_float64_input_agrees_to_1e_9(x):
    agree(x, 1e-9)


@given(features(np.float32))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_float32_input_is_computed_in_float64(x):
    agree(x, 1e-9)


@pytest.mark.parametrize("dtype", [np.float16, ">f4", np.int32])
def test_other_dtypes(dtype):
    agree((np.random.default_rng(1).normal(size=(40, 5)) * 9 + 2).astype(dtype), 1e-9)


def test_every_metric_has_a_reference():
    assert {m.split(":")[0] for m in REFERENCE} == set(every_metric())  # that of labels has tests of its own


@pytest.mark.parametrize("metric", METRICS)
def test_invariances(metric):
    rng = np.random.default_rng(6)
    x = rng.normal(size=(60, 6)) + rng.normal(size=6)
    changes = {
        "permutation": x[:, rng.permutation(6)],
        "rotation": x @ np.linalg.qr(rng.normal(size=(6, 6)))[0],
        "scaling": x * 17.0,
        "translation": x + rng.normal(size=6) * 3,
        "linear": x @ rng.normal(size=(6, 6)),
    }
    want, declared = cs.score(metric, x), parse(metric).invariances
    for name in INVARIANCES:
        assert (abs(cs.score(metric, changes[name]) - want) < 1e-9) == (name in declared), name
    assert abs(cs.score(metric, x[rng.permutation(60)]) - want) < 1e-9


@pytest.mark.parametrize("k", [1, 3, 8])
def test_k_equal_directions_of_variance_are_k(k):
    x = np.linalg.qr(np.random.default_rng(0).normal(size=(50, 10)))[0]
    x = np.linalg.qr(x - x.mean(0))[0][:, :k] @ np.eye(k, 20) * 7 + 3
    assert cs.score("participation_ratio", x) == pytest.approx(k, abs=1e-9)
    assert cs.score("effective_rank", x) == pytest.approx(k, abs=1e-9)


def test_spectra_of_known_entropy():
    """Singular values 2, 1, 1: shares 1/2, 1/4, 1/4, and of their squares 2/3, 1/6, 1/6."""
    x = np.linalg.qr(np.random.default_rng(1).normal(size=(50, 10)))[0]
    x = np.linalg.qr(x - x.mean(0))[0][:, :3] * [2.0, 1.0, 1.0]
    assert cs.score("effective_rank", x) == pytest.approx(2**1.5, abs=1e-9)
    assert cs.score("participation_ratio", x) == pytest.approx(2.0, abs=1e-9)


def test_directions_of_known_distances():
    """Four samples on the corners of a square, of any length: of 12 pairs 8 at a right angle, 4 opposite."""
    x = np.array([[1.0, 0], [0, 2], [-3, 0], [0, -4]])
    assert cs.score("uniformity", x) == pytest.approx(
        np.log((8 * np.exp(-4) + 4 * np.exp(-8)) / 12), abs=1e-12
    )
    assert cs.score("magnitude", x) == pytest.approx(np.hypot(0.5, 0.5), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_direction(dtype):
    x = (np.arange(1, 41)[:, None] * np.array([3.0, 4.0])).astype(dtype)
    assert cs.score("concentricity", x) == pytest.approx(1.0, abs=1e-12)
    assert cs.score("uniformity", x) == pytest.approx(0.0, abs=1e-12)
    assert cs.score("magnitude", x) == pytest.approx(5 * 20.5, abs=1e-9)


def test_an_even_sphere_is_as_uniform_as_can_be():
    """In many dimensions all are at right angles: log exp(-4)."""
    x = np.random.default_rng(2).normal(size=(400, 2000))
    assert cs.score("uniformity", x) == pytest.approx(-4, abs=0.01)


@pytest.mark.parametrize("angle", [1e-3, 1e-5, 1e-7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_that_point_nearly_the_same_way(angle, dtype):
    """Of a language model with an outlier unit. For small angles uniformity is -2 times the mean squared difference."""
    rng = np.random.default_rng(3)
    x = np.hstack([np.full((300, 1), 1e4), 1e4 * angle * rng.normal(size=(300, 20))]).astype(dtype)
    unit = x.astype(np.float64)[:, 1:] / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    want = -4 * unit.var(axis=0, ddof=1).sum()
    assert cs.score("uniformity", x) == pytest.approx(want, rel=max(200 * angle**2, 1e-3))


@pytest.mark.parametrize(
    ("shape", "d"),
    [("cube", 1), ("cube", 2), ("gaussian", 1), ("gaussian", 2), ("gaussian", 5), ("curved", 2)],
)
def test_the_dimension_of_known_shapes(shape, d):
    rng = np.random.default_rng(4)
    x = rng.random((1500, d)) if shape == "cube" else rng.normal(size=(1500, d))
    if shape == "curved":  # a surface in 30 dimensions
        x = np.hstack([np.cos(x), np.sin(x)]) @ rng.normal(size=(2 * d, 30))
    table = cs.profile({"x": x}, ["intrinsic_dimension", "intrinsic_dimension:method=mle"])
    score, se = table["score"].values[:, 0], table["se"].values[:, 0]
    assert abs(score[0] - d) < 3 * se[0]
    assert (abs(score - d) < 0.12 * d).all()
    assert (se < 0.05 * d).all()


def test_the_edge_of_a_cube_takes_from_its_dimension():
    """Near the edge, where in five dimensions most samples lie, neighbours are on one side. Known of both methods."""
    x = np.random.default_rng(4).random((1500, 5))
    for metric in ("intrinsic_dimension", "intrinsic_dimension:method=mle"):
        assert 4.2 < cs.score(metric, x) < 4.9


@pytest.mark.parametrize("metric", ["intrinsic_dimension", "intrinsic_dimension:method=mle"])
def test_copies_are_left_out_and_counted(metric):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(200, 3))
    x[150:170], x[170:] = x[0], x[100:130]  # 21 of one, and 30 pairs
    table = cs.profile({"m/x": x}, [metric])
    assert float(table["n"][0, 0]) == 200 - 21 - 60
    assert float(table["score"][0, 0]) == pytest.approx(REFERENCE[metric](x), abs=1e-9)
    assert np.isfinite(table["se"]).all()
    notes = json.loads(table.attrs["notes"])
    assert list(notes.values()) == ["81 of 200 samples left out: copies of another sample"]
    assert list(notes) == [f"{table['metric'].values[0]}|m/x"]


@pytest.mark.parametrize("copies", [40, 2])
def test_nothing_but_copies_has_no_dimension(copies):
    x = np.repeat(np.random.default_rng(6).normal(size=(120 // copies, 3)), copies, axis=0)
    table = cs.profile({"x": x}, NEIGHBOURS)
    assert np.isnan(table["score"]).all()
    assert (table["n"] == 0).all()
    assert all("copies" in reason for reason in json.loads(table.attrs["reasons"]).values())


def test_a_lattice_has_no_dimension_that_two_neighbours_tell():
    x = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), axis=2).reshape(-1, 2)
    table = cs.profile({"x": x}, ["intrinsic_dimension", "intrinsic_dimension:method=mle"])
    assert np.isnan(table["score"].values[0, 0])
    assert table["score"].values[1, 0] == pytest.approx(REFERENCE["intrinsic_dimension:method=mle"](x))
    assert list(json.loads(table.attrs["reasons"])) == ["intrinsic_dimension:method=two_nn|x"]


def test_samples_of_zeros_have_no_direction():
    x = np.random.default_rng(7).normal(size=(80, 4)) + 0.5
    x[[3, 40, 41]] = 0
    table = cs.profile({"x": x}, ["concentricity", "uniformity", "magnitude"])
    assert table["n"].values[:, 0].tolist() == [77, 77, 80]
    for k, metric in enumerate(("concentricity", "uniformity", "magnitude")):
        assert float(table["score"][k, 0]) == pytest.approx(REFERENCE[metric](x), abs=1e-12)
    assert set(json.loads(table.attrs["notes"]).values()) == {
        "3 of 80 samples left out: samples of zeros, which have no direction"
    }
    assert np.isfinite(table["se"]).all()


def test_a_mean_of_zero_has_no_direction():
    half = np.random.default_rng(8).normal(size=(50, 4))
    table = cs.profile({"x": np.concatenate([half, -half])}, ["concentricity", "magnitude"])
    assert np.isnan(table["score"].values[0, 0])
    assert table["score"].values[1, 0] < 1e-14
    assert "zero but for rounding" in json.loads(table.attrs["reasons"])["concentricity|x"]


@pytest.mark.parametrize("magnitude", [1e-8, 1e8, 1e-150, 1e150])
def test_magnitude_of_the_features(magnitude):
    x = np.random.default_rng(9).normal(size=(60, 5)) + 0.3
    for metric in METRICS:
        want = cs.score(metric, x) * (magnitude if metric == "magnitude" else 1.0)
        assert cs.score(metric, x * magnitude) == pytest.approx(want, rel=1e-9), metric


def test_far_from_the_origin():
    x = np.random.default_rng(10).normal(size=(100, 5))
    for metric in METRICS:
        if "translation" in parse(metric).invariances:
            assert cs.score(metric, x + 1e6) == pytest.approx(cs.score(metric, x), rel=1e-8), metric
    assert cs.score("magnitude", x + 1e8) == pytest.approx(REFERENCE["magnitude"](x + 1e8), rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [60, 1300])
def test_a_huge_outlier_unit(n, dtype):
    rng = np.random.default_rng(11)
    x = rng.normal(size=(n, 12))
    x[:, 4] = 1e6 * (1 + 0.1 * rng.normal(size=n))
    x = x.astype(dtype)
    table = cs.profile({"x": x}, ["participation_ratio", "effective_rank", "intrinsic_dimension"], se=False)
    want = [f(x.astype(np.float64)) for f in (participation_ratio, effective_rank, two_nn)]
    np.testing.assert_allclose(table["score"].values[:, 0], want, rtol=1e-6)


def test_one_unit():
    x = np.random.default_rng(12).normal(size=(80, 1))
    agree(x, 1e-9)
    assert cs.score("participation_ratio", x) == pytest.approx(1.0, abs=1e-12)
    assert cs.score("effective_rank", x) == pytest.approx(1.0, abs=1e-12)


def test_four_samples():
    x = np.random.default_rng(13).normal(size=(4, 6))
    table = cs.profile(
        {"x": x}, ["participation_ratio", "effective_rank", "uniformity", "intrinsic_dimension"]
    )
    assert np.isfinite(table["score"]).all()
    assert table["score"].values[0, 0] == pytest.approx(participation_ratio(x))
    assert table["score"].values[2, 0] == pytest.approx(uniformity(x))
    with pytest.raises(cs.BadInput, match="use k <= 3"):
        cs.score("intrinsic_dimension:method=mle,k=4", x)


def test_a_number_of_neighbours_is_for_the_method_that_has_one():
    assert parse("intrinsic_dimension").id == "intrinsic_dimension:method=two_nn"
    assert parse("intrinsic_dimension:method=mle").id == "intrinsic_dimension:k=10,method=mle"
    with pytest.raises(cs.BadInput, match="leave k out, or add method=mle"):
        parse("intrinsic_dimension:k=5")


def test_one_sample_that_carries_all_variance_has_no_error_and_says_so():
    x = np.zeros((40, 3))
    x[7] = [3.0, 4.0, 1.0]
    table = cs.profile({"x": x}, ["participation_ratio", "effective_rank"])
    np.testing.assert_allclose(table["score"], 1.0)
    assert np.isnan(table["se"]).all()
    assert all("undefined on some part" in note for note in json.loads(table.attrs["notes"]).values())


def test_halves_with_too_few_neighbours_have_no_error():
    x = np.random.default_rng(14).normal(size=(16, 3))
    table = cs.profile({"x": x}, ["intrinsic_dimension:method=mle,k=10"])
    assert np.isfinite(table["score"]).all()
    assert np.isnan(table["se"]).all()
    assert len(json.loads(table.attrs["notes"])) == 1
