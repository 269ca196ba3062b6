"""The frame in which rows are read."""

import numpy as np
import pytest

from consilience.engine.passes.blocks import frame
from consilience.engine.reading import read


@pytest.mark.parametrize("seed", range(20))
def test_rows_that_are_equal_but_for_the_rounding_of_their_mean_set_no_unit_of_length(seed):
    """Of 400 rows 256 are looked at, and the one that is apart is not among them."""
    x = np.full((400, 1), np.random.default_rng(seed).normal())
    x[2] = 5
    assert 1 / 4 < frame(read({"x": x})[0]).scale <= 1
