"""What scores, errors and nulls of first-order metrics are made of: the last digits matter to scores alone."""

import numpy as np
import pytest

from consilience.engine.metrics.linear import CrossOfMoments, Own
from consilience.engine.metrics.registry import parse, registered

METRICS = sorted(name for name, metric in registered().items() if metric.needs == "moments")
N = 300


def centred(d: int, seed: int) -> np.ndarray:
    shared = np.random.default_rng(0).normal(size=(N, 5))
    rng = np.random.default_rng(seed)
    x = shared @ rng.normal(size=(5, d)) + rng.normal(size=(N, d))
    return np.asarray(x - x.mean(axis=0))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("widths", [(12, 30), (30, 12), (20, 20)])
def test_a_score_for_a_null_is_the_score_but_for_its_last_digits(
    metric: str, widths: tuple[int, int]
) -> None:
    x, y = (centred(d, seed) for seed, d in enumerate(widths, 1))
    request = parse(metric)
    factor, finish = request.metric.factor, request.metric.finish
    assert factor is not None
    left, right = (factor(Own(z.T @ z, N), **request.parameters) for z in (x, y))
    scores = [finish(left, right, CrossOfMoments(x.T @ y, p), **request.parameters) for p in (True, False)]
    assert np.isfinite(scores[0]) or (metric == "unit_corr" and widths[0] != widths[1])
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-7)


@pytest.mark.parametrize("left", [None, 3, 40])
@pytest.mark.parametrize("right", [None, 2, 50])
def test_maps_on_either_side(left: int | None, right: int | None) -> None:
    rng = np.random.default_rng(3)
    c = rng.normal(size=(40, 50))
    a, b = (None if k is None else rng.normal(size=(d, k)) for d, k in zip(c.shape, (left, right)))
    want = (np.eye(40) if a is None else a).T @ c @ (np.eye(50) if b is None else b)
    cross = CrossOfMoments(c)
    np.testing.assert_allclose(cross.between(a, b), want, atol=1e-10)
    np.testing.assert_allclose(cross.transposed.between(b, a), want.T, atol=1e-10)
    u, values = CrossOfMoments(c, precise=False).left_singular(a, b)
    np.testing.assert_allclose(values, np.linalg.svd(want, compute_uv=False), atol=1e-6)
    np.testing.assert_allclose(u.T @ want @ want.T @ u, np.diag(values**2), atol=1e-5)


@pytest.mark.parametrize(
    "metrics",
    [("bures", "procrustes", "procrustes:form=squared"), ("cca", "cca:summary=first", "cca:summary=sum")],
)
def test_metrics_with_the_same_maps_share_one_decomposition(metrics: tuple[str, ...]) -> None:
    x, y = (centred(20, seed) for seed in (1, 2))
    left, right = (Own(z.T @ z, N) for z in (x, y))
    made = []

    class Counted(CrossOfMoments):
        def between(self, left: np.ndarray | None, right: np.ndarray | None) -> np.ndarray:
            made.append(self)
            return super().between(left, right)

    cross, alone = Counted(x.T @ y), CrossOfMoments(x.T @ y)
    for request in map(parse, metrics):
        factor, finish = request.metric.factor, request.metric.finish
        assert factor is not None
        sides = [factor(own, **request.parameters) for own in (left, right)]
        assert finish(*sides, cross, **request.parameters) == finish(*sides, alone, **request.parameters)
    assert len(made) == 1
