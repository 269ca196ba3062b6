"""Bounds for a search, and rows that the tasks of a sweep share."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.engine.passes.keys import reached_by


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 300), st.sampled_from([1, 2]), st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_as_many_as_wanted_reach_the_bound(seed, wanted, width, axis, nearest):
    rng = np.random.default_rng(seed)
    values = rng.integers(-50, 50, size=(2, 7, width)).astype(np.float32)
    values = values if axis == 2 else values.transpose(0, 2, 1)
    bound = np.expand_dims(reached_by(torch.from_numpy(values), wanted, axis, 1 if nearest else -1), axis)
    reached = (values >= bound if nearest else values <= bound).sum(axis=axis)
    assert (reached >= min(wanted, width)).all()


def test_few_more_reach_it():
    values = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 500, 1000)).astype(np.float32))
    reached = (values >= torch.from_numpy(reached_by(values, 18, 2, 1))[:, :, None]).sum(dim=2)
    assert reached.float().mean() < 1.3 * 18
