"""Every step against its definition, for any shape, block, dtype and offset; and its odd cases."""

import math
import pickle

import numpy as np
import pytest
import reference_preprocessing as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.engine import random_projection as drawn
from consilience.engine.errors import BadInput
from consilience.engine.features.representations import representations
from consilience.engine.passes import moments
from consilience.engine.preprocessing import parse, preprocessed, projection, read_steps, rows
from consilience.engine.preprocessing.registry import registered

DTYPES = ("float16", "float32", "float64")
PROJECTED = ("random_projection:components=3", "random_projection:components=3,entries=sparse")


def fitted(x, *steps, **options):
    (found,) = preprocessed(representations({"m/x": x}), read_steps(list(steps)), **options)
    return found


def whole(representation):
    return representation.take(np.arange(representation.n))


@pytest.fixture
def blocks():
    """A function that sets how many bytes a block has, and the rows of a block of moments with it."""
    before = rows.BLOCK_BYTES, moments.BLOCK_ROWS

    def small(size):
        rows.BLOCK_BYTES, moments.BLOCK_ROWS = size, max(1, size // 64)

    yield small
    rows.BLOCK_BYTES, moments.BLOCK_ROWS = before


def test_every_step_has_a_reference():
    assert {step.split(":")[0] for step in (*reference.REFERENCE, *PROJECTED)} == set(registered())


@pytest.mark.parametrize("step", sorted(reference.REFERENCE))
def test_a_step_is_its_definition(step, blocks):
    @given(
        n=st.integers(5, 90),
        d=st.integers(2, 12),
        size=st.sampled_from([1, 200, 900, 10**6]),
        dtype=st.sampled_from(DTYPES),
        offset=st.sampled_from([0.0, 3.0, -40.0]),
        seed=st.integers(0, 20),
    )
    @settings(max_examples=25, deadline=None)
    def check(n, d, size, dtype, offset, seed):
        blocks(size)
        rng = np.random.default_rng([n, d, seed])
        # Spreads apart, so that no two eigenvalues are near each other and no vector is arbitrary.
        x = (rng.normal(size=(n, d)) * 2.0 ** -np.arange(d) * 8 + offset).astype(dtype)
        got = fitted(x, step)
        want = reference.REFERENCE[step](x.astype(np.float64))
        assert got.dtype == (np.float64 if dtype == "float64" else np.float32)
        assert (got.n, got.d) == want.shape
        for order in (np.arange(n), rng.permutation(n)[: n // 2 + 1]):
            taken = got.take(order)
            assert taken.dtype == got.dtype
            exact = dtype == "float64"
            atol = (1e-9 if exact else 2e-4) if step.startswith("pca") else (1e-12 if exact else 2e-6)
            np.testing.assert_allclose(
                taken, want[order], rtol=1e-9 if exact else 1e-5, atol=atol * (1 + abs(offset))
            )
            out = np.empty_like(taken)
            assert got.take(order, out) is out
            np.testing.assert_array_equal(out, taken)

    check()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "step", ["centre", "zscore", "l2", "clip", "clip:quantile=exact", "pca:components=3"]
)
def test_a_large_mean_costs_no_digits(step, dtype):
    x = (np.random.default_rng(0).normal(size=(400, 5)) * [900, 700, 500, 300, 100] + 1e8).astype(dtype)
    want = reference.REFERENCE.get(step, lambda x: reference.pca(x, components=3))(x.astype(np.float64))
    scale = np.abs(want).max()
    np.testing.assert_allclose(
        whole(fitted(x, step)) / scale, want / scale, atol=1e-6 if dtype == "float32" else 1e-11
    )


@pytest.mark.parametrize("scale", [1e-200, 1e200])
@pytest.mark.parametrize("step", sorted(reference.REFERENCE))
def test_squares_that_overflow_or_vanish_do_not_matter(step, scale):
    x = np.random.default_rng(0).normal(size=(50, 4)) * [8, 4, 2, 1]
    want = reference.REFERENCE[step](x)
    got = whole(fitted(x * scale, step))
    np.testing.assert_allclose(got if step in ("l2", "zscore") else got / scale, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_unit_without_variance_becomes_zero_and_is_counted(dtype, blocks):
    blocks(300)
    x = np.random.default_rng(1).normal(size=(70, 5)).astype(dtype)
    x[:, [1, 4]] = 0.1, 1234.5
    got = fitted(x, "zscore")
    assert got.source.steps[0].facts == {"units_without_variance": 2}
    assert (whole(got)[:, [1, 4]] == 0).all()
    assert abs(whole(got)[:, [0, 2, 3]].std(axis=0) - 1).max() < 1e-5


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_of_zeros_stays_zero_and_is_counted(dtype):
    x = np.random.default_rng(2).normal(size=(30, 4)).astype(dtype)
    x[[0, 7, 29]] = 0
    got = fitted(x, "l2")
    assert got.source.steps[0].facts == {"rows_of_zeros": 3}
    assert (np.linalg.norm(whole(got), axis=1) == 0).sum() == 3
    assert (whole(got)[[0, 7, 29]] == 0).all()


def test_whole_numbers_are_taken_as_float64():
    x = np.random.default_rng(3).integers(-9, 9, (40, 3))
    got = fitted(x, "zscore")
    assert got.dtype == np.float64
    np.testing.assert_allclose(whole(got), reference.zscore(x.astype(float)), atol=1e-12)


def test_more_units_than_samples():
    x = np.random.default_rng(4).normal(size=(12, 40)) * 0.8 ** np.arange(40)
    got = fitted(x, "pca:variance=1")
    assert got.d == 11
    np.testing.assert_allclose(whole(got), reference.pca(x, components=11), atol=1e-8)
    assert got.source.steps[0].facts["share_of_variance"] == pytest.approx(1.0)


def test_components_beyond_the_directions_there_are():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 8))
    with pytest.raises(BadInput, match=r"at most 3 components, .* in 'm/x'; got components=5.*components=3"):
        fitted(x, "pca:components=5")


@pytest.mark.parametrize("step", PROJECTED)
@pytest.mark.parametrize("offset", [0.0, 300.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_projection_is_one_linear_map_that_the_seed_decides(step, offset, dtype):
    x = (np.random.default_rng(6).normal(size=(40, 9)) + offset).astype(dtype)
    r = parse(step).parameters
    matrix = drawn.matrix(9, r["components"], r["entries"], 0)
    want = x.astype(np.float64) @ matrix
    rtol = 1e-12 if dtype == "float64" else 1e-6
    np.testing.assert_allclose(whole(fitted(x, step)), want, rtol=0, atol=rtol * 3 * (1 + np.abs(want).max()))
    assert not np.allclose(whole(fitted(x, step, seed=1)), want)


@pytest.mark.parametrize("entries", ["gaussian", "sparse"])
def test_the_entries_of_a_projection(entries):
    k, d = 50, 4000
    matrix = drawn.matrix(d, k, entries, 3) * np.sqrt(k)
    assert abs(matrix.mean()) < 5 / np.sqrt(k * d)
    assert abs((matrix**2).mean() - 1) < 5 * np.sqrt(2 / (k * d))
    assert abs((matrix**4).mean() - 3) < 0.1
    if entries == "sparse":
        values, counts = np.unique(matrix.round(9), return_counts=True)
        np.testing.assert_allclose(values, [-np.sqrt(3), 0, np.sqrt(3)])
        np.testing.assert_allclose(counts / matrix.size, [1 / 6, 2 / 3, 1 / 6], atol=0.01)


@given(n=st.integers(4, 10**7), k=st.integers(1, 5000))
def test_the_bound_solves_its_equation(n, k):
    e = drawn.bound(n, k)
    assert e > 0
    assert k * (e - math.log1p(e)) == pytest.approx(6 * math.log(n), rel=1e-6)


@given(
    n=st.integers(5, 200),
    d=st.integers(20, 60),
    k=st.integers(1, 19),
    entries=st.sampled_from(["gaussian", "sparse"]),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 5),
)
@settings(max_examples=40, deadline=None)
def test_the_measured_error_is_what_it_says(n, d, k, entries, dtype, seed):
    x = np.random.default_rng([n, d, seed]).normal(size=(n, d)).astype(dtype)
    got = fitted(x, f"random_projection:components={k},entries={entries}", seed=seed)
    facts = got.source.steps[0].facts
    y, x = whole(got).astype(np.float64), x.astype(np.float64)
    errors = [
        abs(((y[i] - y[j]) ** 2).sum() / ((x[i] - x[j]) ** 2).sum() - 1) for i in range(n) for j in range(i)
    ]
    if n <= projection.SAMPLE:
        assert facts["pairs_measured"] == len(errors)
        assert facts["largest_error"] == pytest.approx(max(errors), rel=1e-3, abs=1e-5)
        assert facts["mean_error"] == pytest.approx(np.mean(errors), rel=1e-3, abs=1e-5)
    else:
        assert facts["pairs_measured"] == 128 * 127 / 2
        assert min(errors) <= facts["mean_error"] <= facts["largest_error"] <= max(errors) * (1 + 1e-3)
    assert facts["largest_error"] <= max(errors) * (1 + 1e-3)


@pytest.mark.parametrize("entries", ["gaussian", "sparse"])
def test_the_error_is_above_the_bound_with_at_most_the_probability_it_is_for(entries):
    n, draws = 20, 200
    x = np.random.default_rng(5).normal(size=(n, 34))
    facts = [
        fitted(x, f"random_projection:components=18,entries={entries}", seed=seed).source.steps[0].facts
        for seed in range(draws)
    ]
    above = sum(f["largest_error"] > f["error_bound"] for f in facts)
    assert above <= draws / n
    # And it says something: half of it is no bound at that probability.
    assert sum(f["largest_error"] > 0.5 * f["error_bound"] for f in facts) > draws / n


def test_equal_rows_have_no_relative_error():
    x = np.repeat(np.eye(10)[:2], [9, 1], axis=0)
    facts = fitted(x, "random_projection:components=2").source.steps[0].facts
    assert facts["pairs_measured"] == 9


@pytest.mark.parametrize("step", [*sorted(reference.REFERENCE), *PROJECTED])
def test_a_fitted_step_pickles_and_leaves_its_input_alone(step):
    x = np.random.default_rng(7).normal(size=(30, 6))
    got = fitted(x, step)
    again = pickle.loads(pickle.dumps(got))
    np.testing.assert_array_equal(whole(again), whole(got))
    block = x[3:9].copy()
    block.flags.writeable = False
    got.source.steps[0].apply(block)
    np.testing.assert_array_equal(block, x[3:9])
