"""The exact quantile: equal to NumPy's to the last bit, whatever the values and the blocks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from consilience.engine.features.representations import representations
from consilience.engine.passes import executors
from consilience.engine.preprocessing import rows
from consilience.engine.preprocessing.chain import _read_through
from consilience.engine.preprocessing.clip import exact_quantile
from consilience.engine.preprocessing.rows import Preprocessed, Rows

WIDTH: dict[str, Any] = {"float16": 16, "float32": 32, "float64": 64}


def seen(x):
    (r,) = representations({"m": x})
    return Rows(_read_through(Preprocessed(r, (), (), r.d)), run=executors.serial)


def numpys(x, share):
    return np.quantile(np.abs(x).astype(np.float64), share, method="inverted_cdf")


@pytest.mark.parametrize("dtype", sorted(WIDTH))
def test_it_is_numpys_to_the_last_bit(dtype, monkeypatch):
    @given(
        x=st.tuples(st.integers(1, 30), st.integers(1, 6)).flatmap(
            lambda shape: arrays(
                dtype, shape, elements=st.floats(allow_nan=False, allow_infinity=False, width=WIDTH[dtype])
            )
        ),
        share=st.floats(1e-6, 1.0) | st.sampled_from([0.05, 0.5, 0.95, 0.25, 1.0]),
        size=st.sampled_from([1, 100, 10**6]),
    )
    @settings(max_examples=60, deadline=None)
    def check(x, share, size):
        monkeypatch.setattr(rows, "BLOCK_BYTES", size)
        assert exact_quantile(seen(x), share) == numpys(x, share)

    check()


@pytest.mark.parametrize("dtype", sorted(WIDTH))
@pytest.mark.parametrize("shape", [(1000, 20), (997, 19)])
def test_values_of_every_size_and_many_ties(dtype, shape):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=shape) * 10.0 ** rng.integers(-4, 5, shape)).astype(dtype)
    x[rng.random(shape) < 0.3] = 0.0
    x[rng.random(shape) < 0.3] = -0.0
    for share in (0.01, 0.5, 0.59, 0.61, 0.95, 0.999, 1.0):
        assert exact_quantile(seen(x), share) == numpys(x, share)
