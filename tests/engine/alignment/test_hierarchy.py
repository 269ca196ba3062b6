"""Depth against the order of regions, over subjects."""

from itertools import permutations, product

import numpy as np
import pytest
import reference_alignment as reference
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import consilience as cs
from consilience.engine.alignment.hierarchy import best_depths, order, order_over_stimuli, order_test

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


REGIONS, LAYERS, N = ("V1", "V4", "IT"), 4, 20


def planted(seed: int, world: str, subjects: int = 5) -> tuple[dict, dict]:
    """Layers that go from the first region's latents to the last's (``true``), the other way (``reversed``), or have
    nothing to do with them (``none``); what a region has is the same in all subjects, but for noise."""
    rng = np.random.default_rng(seed)
    latents = rng.normal(size=(len(REGIONS), N, 4))

    def seen(x: np.ndarray) -> np.ndarray:
        return x @ rng.normal(size=(4, 8)) + 0.5 * rng.normal(size=(N, 8))

    models = {"only/0": seen(latents[0])}
    for k in range(LAYERS):
        place = np.interp(k, [0, LAYERS - 1], [0, 2] if world == "true" else [2, 0])
        share = np.maximum(0, 1 - np.abs(np.arange(3) - place))
        models[f"net/{k}"] = seen(
            rng.normal(size=(N, 4)) if world == "none" else np.tensordot(share, latents, 1)
        )
    brains = {f"s{s}": {r: seen(x) for r, x in zip(REGIONS, latents)} for s in range(subjects)}
    return models, brains


@pytest.mark.parametrize("metric", ["cka", "procrustes", "rsa"])
def test_a_planted_hierarchy_is_found_and_a_reversed_one_refused(metric):
    for world, tau in (("true", 1.0), ("reversed", -1.0)):
        models, brains = planted(0, world)
        del brains["s0"]["V4"], brains["s1"]["IT"]
        found = cs.align(models, brains, metric, hierarchy=REGIONS, permutations=99, bootstraps=100).isel(
            metric=0
        )
        its = found.sel(model="net")
        assert abs(float(its["order_tau"]) - tau) < 0.15
        for name in ("order_p", "order_p_stimuli"):
            assert float(its[name]) < 0.02 if world == "true" else float(its[name]) > 0.9
        only = found.sel(model="only")
        assert [float(only[name]) for name in ("order_tau", "order_p")] == [0, 1]  # one layer has no order
        assert np.isnan(only["order_p_stimuli"])
        backwards = cs.align(models, brains, metric, hierarchy=REGIONS[::-1], permutations=19, bootstraps=100)
        assert float(backwards["order_tau"].sel(model="net")[0]) == -float(its["order_tau"])


def test_p_over_stimuli_is_that_of_its_definition():
    rng = np.random.default_rng(4)
    scores, chance, left_out = (rng.normal(size=size) for size in ((5, 3), (5, 3), (6, 5, 3)))
    models, depth = [np.array([0, 1, 2]), np.array([3, 4])], np.array([0, 0.5, 1, 0, 1])

    def rise(values: np.ndarray, layers: np.ndarray) -> float:
        own = depth[layers]
        return sum(
            (own[l] - own.mean()) * (k - 1) * values[layers[l], k] for l in range(len(own)) for k in range(3)
        )

    for layers, got in zip(models, order_over_stimuli(scores, left_out, chance, models, depth)):
        without = [rise(values, layers) for values in left_out]
        error = np.sqrt(5 / 6 * sum((x - np.mean(without)) ** 2 for x in without))
        assert got == pytest.approx(stats.t.sf((rise(scores, layers) - rise(chance, layers)) / error, 5))
    assert np.isnan(order_over_stimuli(scores, left_out, chance, [np.array([1])], depth)).all()


def test_models_that_have_nothing_to_do_with_brains_are_not_in_order_over_stimuli():
    """Subjects share what they are like, and so agree on the layer that is nearest by chance."""
    p = []
    for seed in range(20):
        models, brains = planted(seed, "none", subjects=7)
        found = cs.align(models, brains, "cka", hierarchy=REGIONS, permutations=39, bootstraps=100, seed=seed)
        p.append([float(found[name].sel(model="net")[0]) for name in ("order_p_stimuli", "order_p")])
    stimuli, subjects = (np.array(p) <= 0.05).mean(axis=0)
    assert stimuli <= 0.05
    assert subjects > 0.1  # which is why there are two


def test_what_unrelated_samples_score_is_no_order():
    """Wide layers late in a model and many units late in the hierarchy: biased CKA rises with both, by chance alone."""
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        models = {f"net/{k}": rng.normal(size=(N, d)) for k, d in enumerate((2, 6, 20))}
        brains = {
            f"s{s}": {r: rng.normal(size=(N, d)) for r, d in zip(REGIONS, (2, 6, 20))} for s in range(4)
        }
        table = cs.align(
            models,
            brains,
            "cka:estimator=biased",
            hierarchy=REGIONS,
            permutations=99,
            bootstraps=100,
            seed=seed,
        )
        found.append(float(table["order_p_stimuli"][0, 0]))
    assert min(found) > 0.01
    assert np.mean(found) > 0.25
