from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.engine.features.statistics import Spread, finite_rows, spread


def known(x: np.ndarray) -> Spread:
    found = spread(x)
    assert found is not None
    return found


@given(
    n=st.integers(1, 700),
    d=st.integers(1, 40),
    cut=st.floats(0, 1),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    offset=st.sampled_from([0.0, 3.0, -50.0]),
    seed=st.integers(0, 9),
)
def test_any_split_gives_the_variance_of_the_whole(
    n: int, d: int, cut: Any, dtype: str, offset: Any, seed: int
) -> None:
    x = (np.random.default_rng(seed).standard_normal((n, d)) + offset).astype(dtype)
    at = int(cut * n)
    pieces = [known(piece) for piece in (x[:at], x[at:]) if len(piece)]
    merged = pieces[0] if len(pieces) == 1 else pieces[0].merge(pieces[1])
    exact = x.astype(np.float64)
    assert merged.n == n
    rtol = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(merged.mean, exact.mean(axis=0), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(merged.total_variance, exact.var(axis=0).sum(), rtol=rtol, atol=rtol**2)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_equal_rows_have_exactly_no_variance(dtype: str) -> None:
    x = np.tile(np.array([0.1, -7.3, 1234.5], dtype), (5000, 1))
    assert known(x).merge(known(x[:7])).total_variance == 0


def test_an_outlier_in_the_first_row_does_not_cost_precision() -> None:
    x = np.random.default_rng(0).standard_normal((20_000, 8)).astype(np.float32)
    x[0] = 3e4
    np.testing.assert_allclose(known(x).total_variance, x.astype(np.float64).var(axis=0).sum(), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_squares_that_float32_cannot_hold_are_counted(scale: Any) -> None:
    x = np.array([[scale], [-scale]], np.float32)
    assert known(x).total_variance == pytest.approx(scale**2)


def test_no_variance_is_infinite() -> None:
    x = np.array([[1e308], [-1e308], [1e308], [3.0]])
    assert known(x).merge(known(x[2:])).total_variance == np.finfo(np.float64).max


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 1, 699])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_one_value_that_is_not_finite_is_seen(value: Any, row: Any, dtype: str) -> None:
    x = np.zeros((700, 9), dtype)
    x[row, 4] = value
    assert spread(x) is None
    assert np.flatnonzero(~finite_rows(x)).tolist() == [row]


def test_an_empty_piece_changes_nothing() -> None:
    nothing, some = Spread(0, np.zeros(2), 0.0), known(np.eye(2))
    assert nothing.merge(some) is some
    assert some.merge(nothing) is some
