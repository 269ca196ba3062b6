"""Depth against the order of regions, over subjects."""

from itertools import permutations, product

import numpy as np
import pytest
import reference_alignment as reference
from hypothesis import given
from hypothesis import strategies as st

from consilience.engine.alignment.hierarchy import best_depths, order, order_test

NAN = np.nan


def test_the_best_layer_of_each_subject():
    scores = np.array([[[3.0, NAN, NAN]], [[1, 2, NAN]], [[5, 5, NAN]]])  # layers, regions, subjects
    depths = best_depths(scores, [np.array([0, 1]), np.array([2])], np.array([0.0, 1, 0.5]))
    np.testing.assert_array_equal(depths, [[[0, 1, NAN]], [[0.5, 0.5, NAN]]])


@given(regions=st.integers(2, 5), subjects=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_the_order_is_that_of_its_definition(regions, subjects, seed):
    depths = np.random.default_rng(seed).integers(0, 4, size=(2, regions, subjects)) / 3
    want = [np.mean([reference.order_of_regions(d[:, s]) for s in range(subjects)]) for d in depths]
    np.testing.assert_allclose(order(depths), want, atol=1e-12)


def test_of_a_subject_count_the_regions_that_are_there():
    depths = np.array([[[0.0, 0.5, NAN], [NAN, 0.2, NAN], [1.0, 0.9, 0.3]]])
    assert order(depths) == pytest.approx((1 + 1 / 3) / 2)
    assert np.isnan(order(np.array([[[0.1, 0.2]]]))).all()


def test_p_is_the_share_of_all_orders_of_every_subject():
    depths = np.array([[[0.0, 0.1], [0.5, 0.3], [1.0, 0.2]]])
    tau, p = order_test(depths, 4000, seed=1)
    every = [
        np.mean([reference.order_of_regions(depths[0, list(o), s]) for s, o in enumerate(orders)])
        for orders in product(permutations(range(3)), repeat=2)
    ]
    assert tau == pytest.approx(np.mean([1, 1 / 3]))
    assert abs(p[0] - np.mean(np.array(every) >= tau[0] - 1e-12)) < 0.015


def test_p_is_uniform_where_regions_are_alike():
    rng = np.random.default_rng(2)
    p = np.array([order_test(rng.random((1, 4, 3)), 99, seed)[1][0] for seed in range(300)])
    for threshold in (0.05, 0.25, 0.5, 0.75):
        assert (p <= threshold).mean() < threshold + 3 * np.sqrt(threshold * (1 - threshold) / 300)
    assert (p <= 0.5).mean() > 0.35


def test_without_permutations_there_is_no_p():
    tau, p = order_test(np.array([[[0.0], [1.0]]]), 0, seed=0)
    assert tau == [1]
    assert np.isnan(p).all()
