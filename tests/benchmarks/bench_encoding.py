"""Encoding models beside himalaya's RidgeCV on its torch backend, and from disk where rows do not fit the memory.

Seconds and memory above the inputs are of the same process. RidgeCV chooses the penalties on all folds
(`nested=False`), and scores are compared at the penalties it chose.
"""

from pathlib import Path

import numpy as np
import pytest
from measure import anonymous, peak, seconds

import consilience as cs

pytestmark = pytest.mark.bench
PENALTIES = np.logspace(0, 5, 10)


def linear(n: int, d: int, v: int) -> tuple[np.ndarray, np.ndarray]:
    """Features, and responses of which features explain nothing to nearly all."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, d), dtype=np.float32)
    w = rng.standard_normal((d, v), dtype=np.float32) * np.linspace(0, 0.3, v, dtype=np.float32)
    y = x @ w
    for start in range(0, v, 1000):
        y[:, start : start + 1000] += rng.standard_normal((n, min(1000, v - start)), dtype=np.float32)
    return x, y


def test_from_disk(tmp_path: Path) -> None:
    n, d, v = 500_000, 1000, 2000
    rng = np.random.default_rng(1)
    for name, width in (("x", d), ("y", v)):
        into = np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", np.float32, (n, width))
        for start in range(0, n, 20_000):
            into[start : start + 20_000] = rng.standard_normal((20_000, width), dtype=np.float32)
        del into
    x, y = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy")
    assert anonymous() < 1e9, "what lies free in the process would hide what is taken"
    with peak() as rise:
        took = seconds(lambda: cs.encode(x, y, penalties=PENALTIES))
    print(f"\nn = {n:,}: {took:.0f} s, peak {rise[0] / 1e6:.0f} MB")
    assert rise[0] < 1.5e9


def test_ridge_beside_himalaya() -> None:
    from himalaya.backend import set_backend
    from himalaya.ridge import RidgeCV
    from himalaya.scoring import correlation_score, r2_score

    set_backend("torch")
    x, y = linear(5000, 1000, 20_000)
    cs.encode(x[:2000, :50], y[:2000, :50], nested=False)
    model = RidgeCV(alphas=PENALTIES, fit_intercept=True, cv=5)
    # Time and memory apart: who looks at memory takes a share of the time.
    ours = seconds(lambda: cs.encode(x, y, penalties=PENALTIES, nested=False))
    theirs = seconds(lambda: model.fit(x, y))
    with peak() as ours_rise:
        table = cs.encode(x, y, penalties=PENALTIES, nested=False)
    with peak() as rise:
        model.fit(x, y)
    print(f"\nours {ours:.1f} s, {ours_rise[0] / 1e6:.0f} MB; RidgeCV {theirs:.1f} s, {rise[0] / 1e6:.0f} MB")
    chosen = np.asarray(model.best_alphas_)
    same = np.isclose(table["penalty"].values[0, 0], chosen, rtol=1e-4)
    print(f"  {same.mean():.4%} of the penalties are the same, {theirs / ours:.1f} times as fast")
    held, some = np.arange(1000), np.flatnonzero(same)[::200]
    for k in some:
        alone = RidgeCV(alphas=chosen[[k]], fit_intercept=True, cv=2).fit(x[1000:], y[1000:, [k]])
        found, want = alone.predict(x[held]), y[held][:, [k]]
        assert abs(float(correlation_score(want, found)[0]) - table["fold_r"].values[0, 0, k]) < 1e-5
        assert abs(float(r2_score(want, found)[0]) - table["fold_r2"].values[0, 0, k]) < 1e-5
    # Of penalties that fit equally well in float32 either may choose the wrong one: float64 decides.
    apart = np.flatnonzero(~same)
    assert len(apart) < 5e-4 * len(same)
    if len(apart):
        exact = cs.encode(x.astype(float), y[:, apart].astype(float), penalties=PENALTIES, nested=False)
        wrong = ~np.isclose(exact["penalty"].values[0, 0], table["penalty"].values[0, 0, apart])
        print(f"  {len(apart)} differ; float64 says that {wrong.sum()} of ours are wrong")
        assert wrong.sum() <= 1e-4 * len(same)
    assert theirs > 5 * ours
    assert ours_rise[0] < rise[0] / 2
