"""The published package of the calibrated score, `calibrated-similarity`, agrees on its two procedures.

Where its definitions and ours part, and how they are brought together here:

- It has no CKA of its own but takes any function. That of its documentation is biased linear CKA.
- Its threshold is an order statistic of permutations and the observed score. So is that of `best_layers`, whereas
  `compare` has the 95 % point of the distribution whose moments are exact.
- It takes permutations of the rows of Y, in the order of the file; so they are with a single row group.
- It knows similarities only, computes in float32, and cuts a calibrated score at 1, which unbiased CKA can exceed.
"""

import math

import numpy as np
import pytest
import torch
from calibrated_similarity import calibrate, calibrate_layers
from references import REFERENCE
from torch import from_numpy as tensor

import consilience as cs
from consilience.engine.inference.null import orders

K = 100
METRICS = [
    "cka:estimator=biased",
    "cka",
    "cka:kernel=rbf",
    "rsa:compare=pearson",
    "distance_correlation",
    "mutual_knn:k=3",
    "svcca",
]


def two_models(seed, n=40, widths=((5, 30, 60), (8, 50))):
    """The layers of two models, so wide that they look alike by chance; one pair has something in common."""
    rng = np.random.default_rng(seed)
    left, right = ([rng.normal(size=(n, d)) for d in side] for side in widths)
    right[1][:, :5] += 0.85 * left[0]
    return left, right


def similarity(metric):
    return lambda x, y: float(REFERENCE[metric](x.numpy(), y.numpy()))


def same_permutations(seed):
    drawn = orders(40, K, seed)
    return lambda n, device: tensor(next(drawn))


def tensors(layers):
    return list(map(tensor, layers))


def numbers(found, names=("calibrated", "p", "threshold")):
    return [float(found[name].sel(a="x", b="y").squeeze()) for name in names]


@pytest.mark.parametrize("metric", METRICS)
def test_the_best_layer_pair_with_the_same_permutations(metric):
    left, right = two_models(0)
    x = {f"x/{k}": v for k, v in enumerate(left)} | {f"y/{k}": v for k, v in enumerate(right)}
    ours = cs.best_layers(x, metrics=[metric], permutations=K, seed=3)
    of = similarity(metric)
    theirs = calibrate_layers(tensors(left), tensors(right), of, K=K, perm_fn=same_permutations(3))
    np.testing.assert_allclose(numbers(ours), [float(v) for v in theirs], atol=1e-6)
    score = max(of(a, b) for a in tensors(left) for b in tensors(right))
    assert abs(float(ours["score"].sel(a="x", b="y").squeeze()) - score) < 1e-9


@pytest.mark.parametrize("metric", METRICS)
def test_one_pair_with_the_same_permutations(metric):
    left, right = two_models(1)
    ours = cs.best_layers({"x": left[0], "y": right[1]}, metrics=[metric], permutations=K, seed=5)
    theirs = calibrate(
        tensor(left[0]), tensor(right[1]), similarity(metric), K=K, perm_fn=same_permutations(5)
    )
    np.testing.assert_allclose(numbers(ours), [float(v) for v in theirs], atol=1e-6)


@pytest.mark.parametrize("metric", METRICS[:-2])
def test_exact_moments_agree_within_the_error_of_its_permutations(metric):
    draws, (left, right) = 1000, two_models(2)
    of, generator = similarity(metric), torch.Generator().manual_seed(0)

    def both(y):
        table = cs.compare({"x": left[0]}, {"y": y}, [metric], se=False)
        ours = [float(table[name].squeeze()) for name in ("score", "null_mean", "z", "p", "calibrated")]
        theirs = calibrate(tensor(left[0]), tensor(y), of, K=draws, generator=generator)
        return ours, [float(v) for v in theirs]

    (*_, p, _), (_, share_of_draws, _) = both(right[1][:, 5:10] + 0.2 * left[0])  # p is neither 0 nor 1
    assert abs(p - share_of_draws) < 4 * math.sqrt(p * (1 - p) / draws) + 0.01
    (score, mean, z, _, calibrated), (their_calibrated, _, their_threshold) = both(
        right[1][:, 5:10] + left[0]
    )
    assert calibrated > 0.05
    threshold = (score - calibrated) / (1 - calibrated)
    # A quantile of draws from a distribution near the normal is off by this many of its standard deviations.
    error = 4 * math.sqrt(0.05 * 0.95 / draws) / 0.103 * (score - mean) / z
    assert abs(threshold - their_threshold) < error
    assert abs(calibrated - their_calibrated) < error / (1 - threshold)
