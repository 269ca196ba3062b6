"""CKA of many representations and of many samples, beside the matrix products it cannot do without.

Each figure is the best of several rounds in which the references take their turns. Ours carries its standard errors,
its null and the scores of both halves, unless the score alone is said; the references give the score alone.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from measure import matmul_rate, peak, seconds

import consilience as cs
from consilience.engine.linalg import low_gain
from consilience.engine.scoring.precision import LEAST_GAIN

pytestmark = pytest.mark.bench
LAYERS, D = 24, 768


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    rng = np.random.default_rng(0)
    cs.compare({str(i): rng.standard_normal((2000, 64), dtype=np.float32) for i in range(3)})


def layers(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {f"model/{i}": rng.standard_normal((n, D), dtype=np.float32) for i in range(LAYERS)}


def feature_space_loop(x: list[np.ndarray]) -> list[float]:
    """Biased linear CKA of all pairs, one after the other."""
    x = [z - z.mean(axis=0) for z in x]
    own = [float(np.linalg.norm(z.T @ z)) for z in x]
    return [
        float(np.linalg.norm(x[i].T @ x[j])) ** 2 / (own[i] * own[j]) for i in range(len(x)) for j in range(i)
    ]


@pytest.mark.parametrize("n", [5000, 15000])
def test_all_pairs_of_24_layers(n: int) -> None:
    from cka import cka_from_features

    x = layers(n)
    flops = float(n) ** 2 * (LAYERS * D + LAYERS**2)
    ours, alone, fast, rates, loops, packages = [], [], [], [], [], []
    for _ in range(3):
        rates.append(matmul_rate())
        ours.append(seconds(lambda: cs.compare(x)))
        if n == 5000:
            loops.append(seconds(lambda: feature_space_loop(list(x.values()))))
            alone.append(seconds(lambda: cs.compare(x, se=False, null=False, groups=1)))
        fast.append(seconds(lambda: cs.compare(x, precision="fast")))
    with peak() as rise:  # apart: who looks at it takes time
        cs.compare(x)
    share, quick = (flops / min(times) / max(rates) for times in (ours, fast))
    print(f"\nn = {n}: {min(ours):.2f} s, {share:.0%} of the matmul rate, peak {rise[0] / 1e6:.0f} MB")
    print(
        f"  fast: {quick:.0%} of the float32 matmul rate, whose bfloat16 rate is {low_gain():.1f} times that"
    )
    if n == 5000:
        tensors = [torch.from_numpy(v) for v in x.values()]
        packages.append(seconds(lambda: cka_from_features(tensors, tensors)))
        print(
            f"  feature-space loop {min(loops) / min(ours):.1f} times that; pytorch-cka {min(packages):.1f} s,"
        )
        print("  times ours: " + ", ".join(f"{name} {min(packages) / min(t):.1f}" for name, t in (
            ("exact with errors", ours), ("exact score alone", alone), ("fast with errors", fast))))  # fmt: skip
        assert min(loops) > 2.5 * min(ours)
        assert min(packages) > 8 * min(fast)
    assert share > 0.6
    assert quick > 1 or n == 5000 or low_gain() < LEAST_GAIN
    assert rise[0] < 300e6


@pytest.fixture
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> list[cs.FeatureTable]:
    n, widths = request.param
    store, tables = cs.FeatureStore(tmp_path), []
    ids = [str(i) for i in range(n)]
    for k, d in enumerate(widths):
        x = np.random.default_rng(k).standard_normal((n, d), dtype=np.float32)
        tables.append(store.write(f"model{k}", "noise", ids, {"layer": x}))
        del x
    return tables


@pytest.mark.parametrize("stored", [(50_000, (768, 1024)), (1_000_000, (256, 256))], indirect=True)
def test_one_pair_from_disk(stored: list[cs.FeatureTable]) -> None:
    x, y = (torch.from_numpy(np.concatenate(t.parts("layer"))) for t in stored)

    def products() -> None:
        x.T @ x, x.T @ y, y.T @ y

    bare, ours = [], []
    for _ in range(3):
        bare.append(seconds(products))
        ours.append(seconds(lambda: cs.compare(stored)))
    with peak() as rise:  # apart: who looks at it takes time
        cs.compare(stored)
    ratio = min(ours) / min(bare)
    print(
        f"\nn = {len(x):,}, {x.shape[1]} and {y.shape[1]} units: {min(ours):.2f} s, {ratio:.2f} times the bare"
    )
    print(f"  products ({min(bare):.2f} s), peak {rise[0] / 1e6:.0f} MB")
    assert ratio < 1.3
    assert rise[0] < 1e9
