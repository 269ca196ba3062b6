"""Every metric of two representations is what it declares: direction, symmetry, invariances."""

import numpy as np
import pytest
from references import REFERENCE

import consilience as cs
from consilience.engine.metrics.registry import INVARIANCES, parse, registered

METRICS = sorted(REFERENCE)


@pytest.fixture(scope="module")
def pair():
    """Two representations of as many units, with something in common."""
    rng = np.random.default_rng(6)
    shared = rng.normal(size=(60, 4))
    return tuple(shared @ rng.normal(size=(4, 6)) + rng.normal(size=(60, 6)) for _ in range(2))


def changed(x):
    """X after each of the changes that a metric may declare not to see."""
    rng = np.random.default_rng(7)
    d = x.shape[1]
    return {
        "permutation": x[:, rng.permutation(d)],
        "rotation": x @ np.linalg.qr(rng.normal(size=(d, d)))[0],
        "scaling": x * 17.0,
        "translation": x + rng.normal(size=d) * 3,
        "linear": x @ rng.normal(size=(d, d)),
    }


def test_every_metric_has_a_reference():
    assert {m.split(":")[0] for m in REFERENCE} == {name for name, m in registered().items() if not m.single}


@pytest.mark.parametrize("metric", METRICS)
def test_invariances(metric, pair):
    x, y = pair
    declared = parse(metric).invariances
    assert set(declared) <= set(INVARIANCES)
    want, versions = cs.score(metric, x, y), changed(x)
    for name in declared:
        assert abs(cs.score(metric, versions[name], y) - want) < 1e-7, name
    # What is not declared is seen, or the declaration says too little.
    for name in set(INVARIANCES) - set(declared):
        assert abs(cs.score(metric, versions[name], y) - want) > 1e-7, name
    if parse(metric).needs in ("held_out", "batches") or "folds" in metric:
        return  # which samples are set aside, or compared, goes by their number
    samples = np.random.default_rng(8).permutation(len(x))
    assert abs(cs.score(metric, x[samples], y[samples]) - want) < 1e-9


@pytest.mark.parametrize("metric", METRICS)
def test_symmetry_and_direction(metric, pair):
    x, y = pair
    request = parse(metric)
    table = cs.compare({"x": x, "y": y}, metrics=[metric], null=False)["score"].values[0]
    assert (table[0, 1] == table[1, 0]) == request.symmetric
    related, unrelated = table[0, 1], cs.score(metric, x, y[np.random.default_rng(9).permutation(len(y))])
    assert (related > unrelated) == (request.metric.direction == "similarity")
