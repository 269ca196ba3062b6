"""The most that a cosine can be, made of rows of 8-bit integers: no less than the cosine, and little more."""

import hard
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.engine.features.representations import representations
from consilience.engine.linalg import digits_gain, low_product
from consilience.engine.passes.low import Bfloat16, HighestCosines, highest_cosines


def highest(x):
    """(n, n) of the rows of x, and their cosines in float64."""
    low = highest_cosines(representations({"x": x})[0])
    assert low is not None
    wide = x.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    unit = wide / np.where(length > 0, length, 1)
    rows = low.rows(torch.from_numpy(unit.astype(np.float32)))
    out = torch.empty(len(x), len(x))
    low.product(rows, rows, out)
    return out.numpy(), unit @ unit.T


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(hard.CASES)))
@settings(max_examples=30, deadline=None)
def test_no_cosine_is_higher(seed, name):
    x = hard.CASES[name](np.random.default_rng(seed), 200)
    most, cosine = highest(x)
    assert (most - cosine).min() > -1e-6


def test_it_is_little_higher_where_rows_share_a_direction_and_some_units_are_large():
    """By less than a hundredth of the cosines' spread, give or take; the common direction alone would take all bits."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 400)).astype(np.float32)
    x[:, :3] *= 100
    x[:, 5] += 1e3
    most, cosine = highest(x)
    apart = ~np.eye(300, dtype=bool)
    spread = cosine[apart].std()
    assert 0 < (most - cosine)[apart].mean() < 0.05 * spread
    assert (most - cosine)[apart].std() < 0.01 * spread


def test_a_slice_of_the_rows_is_the_rows_of_a_slice():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 64)).astype(np.float32)
    low = HighestCosines(x.mean(axis=0), np.array([3, 5]))
    out = torch.empty(10, 15), torch.empty(40, 40)
    rows = low.rows(torch.from_numpy(x.copy()))
    low.product(rows[5:15], rows[20:35], out[0])
    low.product(rows, rows, out[1])
    np.testing.assert_allclose(out[0], out[1][5:15, 20:35], rtol=1e-5)


def test_where_few_digits_do_not_serve():
    rng = np.random.default_rng(2)
    array = rng.normal(size=(30, 64)).astype(np.float32)
    import dask.array

    fit, narrow, computed = representations(
        {"fit": array, "narrow": array[:, :63], "computed": dask.array.from_array(array)}
    )
    assert highest_cosines(fit) is not None
    assert highest_cosines(narrow) is None
    assert highest_cosines(computed) is None  # single rows are not to be looked at again


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (70, 33, 129)])
def test_sums_of_products_of_integers_are_exact(shape):
    m, columns, d = shape
    rng = np.random.default_rng(3)
    x, y = (torch.from_numpy(rng.integers(-127, 128, (k, d)).astype(np.int8)) for k in (m, columns))
    wide = torch.empty(m, columns + 3)
    low_product(x, y.T, wide[:, :columns])
    np.testing.assert_array_equal(wide[:, :columns], x.double() @ y.double().T)
    assert digits_gain() > 0


def test_products_of_bfloat16():
    rng = np.random.default_rng(1)
    x, y = (torch.from_numpy(rng.normal(size=(30, 64)).astype(np.float32)) for _ in range(2))
    low, out = Bfloat16(), torch.empty(30, 30)
    low.product(low.rows(x), low.rows(y), out)
    want = x.bfloat16().double() @ y.bfloat16().double().T
    assert (out - want).abs().max() < 2.0**-8 * want.abs().max()
