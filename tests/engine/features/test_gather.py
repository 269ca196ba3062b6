from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.engine.features.gather import gather


@st.composite
def requests(draw: Any) -> Any:
    """(whole column, its pieces, their starts, rows)."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=6))
    n, d = sum(sizes), draw(st.integers(1, 5))
    whole = np.arange(n * d, dtype=draw(st.sampled_from(["float16", "float32", "float64"]))).reshape(n, d)
    starts = np.cumsum([0, *sizes[:-1]])
    kind = draw(st.sampled_from(["any", "sorted", "run"]))
    if kind == "run":
        low = draw(st.integers(0, n))
        rows = np.arange(low, draw(st.integers(low, n)))
    else:
        rows = np.array(draw(st.lists(st.integers(0, n - 1), max_size=30)), np.int64)
        rows = np.sort(rows) if kind == "sorted" else rows
    return whole, [whole[s : s + k] for s, k in zip(starts, sizes)], starts, rows


@given(requests(), st.booleans())
def test_rows_come_as_numpy_would_give_them(request: Any, with_out: Any) -> None:
    whole, pieces, starts, rows = request
    out = np.empty((len(rows), whole.shape[1]), whole.dtype) if with_out else None
    got = gather(pieces, starts, rows, out)
    assert out is None or got is out
    assert got.dtype == whole.dtype
    np.testing.assert_array_equal(got, whole[rows])


def test_a_long_unsorted_request_is_gathered_in_blocks() -> None:
    rng = np.random.default_rng(0)
    whole = rng.standard_normal((5000, 128)).astype(np.float32)
    starts = np.array([0, 1000, 3500])
    rows = rng.integers(0, 5000, 9000)
    got = gather(np.split(whole, starts[1:]), starts, rows, None)
    np.testing.assert_array_equal(got, whole[rows])


@pytest.mark.parametrize(
    ("rows", "view"), [(range(3, 7), True), (range(8), True), (range(6, 12), False), ([3, 5], False)]
)
def test_a_run_within_a_piece_is_a_view(rows: Any, view: Any) -> None:
    pieces = [np.arange(8.0)[:, None], np.arange(8.0, 16.0)[:, None]]
    got = gather(pieces, np.array([0, 8]), np.array(rows), None)
    assert np.shares_memory(got, pieces[0]) is view


def test_a_strided_out_is_filled() -> None:
    whole = np.arange(20.0).reshape(10, 2)
    out = np.zeros((4, 6))
    for rows in ([1, 9, 9, 0], [1, 2, 3, 4], [0, 2, 5, 9]):
        gather([whole[:4], whole[4:]], np.array([0, 4]), np.array(rows), out[:, ::3])
        np.testing.assert_array_equal(out[:, ::3], whole[rows])
