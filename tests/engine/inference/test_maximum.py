"""The best of many scores, and the point that chance seldom passes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.engine.inference.maximum import critical, extreme, where_extreme
from consilience.engine.inference.null import calibrated, from_permutations, orders


def test_the_best_of_a_block_leaves_out_what_is_undefined():
    block = np.array([[0.1, np.nan, 0.7], [0.7, -0.2, 0.3]])
    assert extreme(block, "similarity") == 0.7
    assert where_extreme(block, "similarity") == (0, 2)
    assert extreme(block, "distance") == -0.2
    assert where_extreme(block, "distance") == (1, 1)
    nothing = np.full((2, 3), np.nan)
    assert np.isnan(extreme(nothing, "similarity"))
    assert where_extreme(nothing, "distance") is None
    assert extreme(np.stack([block, nothing]), "similarity").shape == (2,)


@pytest.mark.parametrize(("count", "rank"), [(19, 19), (99, 95), (199, 190), (200, 191)])
def test_the_95_percent_point_counts_the_observed_score(count, rank):
    draws = np.random.default_rng(0).permutation(np.arange(1.0, count + 1))[:, None]
    low, high = np.array([0.0]), np.array([count + 1.0])
    assert critical(draws, low, "similarity") == rank - 1
    assert critical(draws, high, "similarity") == rank
    assert critical(-draws, -high, "distance") == -rank


@given(
    st.integers(0, 2**32 - 1),
    st.integers(19, 250),
    st.sampled_from(["similarity", "distance"]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_a_calibrated_score_is_above_zero_exactly_where_p_is_small(seed, count, direction, tied):
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, 30, (count, 40)) / 40 if tied else rng.uniform(0, 0.7, (count, 40))
    score = rng.integers(15, 36, 40) / 40 if tied else rng.uniform(0.5, 0.9, 40)
    best = 1.0
    if direction == "distance":
        draws, score, best = 1 - draws, 1 - score, 0.0
    _, p = from_permutations(draws, score, direction)
    share = calibrated(score, critical(draws, score, direction), best)
    np.testing.assert_array_equal(share > 1e-12, p <= 0.05 + 1e-12)


def test_scores_equal_but_for_rounding_are_ties():
    draws = np.array([[0.3], [0.1 + 0.2], [0.2], [0.9]])
    assert 0.1 + 0.2 > 0.3
    for direction, as_good in (("similarity", 3), ("distance", 3)):
        _, p = from_permutations(draws, np.array([0.1 + 0.2]), direction)
        assert p == [(1 + as_good) / 5]


def test_permutations_are_the_same_for_every_metric():
    first, second = (list(orders(30, 4, seed)) for seed in (7, 7))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], first[1])
    np.testing.assert_array_equal(np.sort(first, axis=1), np.tile(np.arange(30), (4, 1)))


def test_draws_that_are_not_defined_speak_against_the_score():
    draws = np.linspace(0, 0.5, 20)[:, None]
    draws[3] = np.nan
    for sign, direction in ((1, "similarity"), (-1, "distance")):
        score = np.array([sign * 0.6])
        _, p = from_permutations(sign * draws, score, direction)
        assert p == [2 / 21]
        assert critical(sign * draws, score, direction) == score
        _, p = from_permutations(sign * draws, np.array([np.nan]), direction)
        assert np.isnan(p)
