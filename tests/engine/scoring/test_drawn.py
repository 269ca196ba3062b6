"""Scores under permutations are the same from rows held in memory and from moments summed up by blocks."""

import numpy as np
import pytest

import consilience as cs
from consilience.engine.metrics.registry import registered
from consilience.engine.scoring import first

METRICS = sorted(name for name, metric in registered().items() if metric.needs == "moments")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_from_rows_and_from_moments(monkeypatch: pytest.MonkeyPatch, dtype: type) -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(300, 6)) + 5.0
    x: dict[str, np.ndarray] = {
        f"m{i}/{layer}": (shared @ rng.normal(size=(6, 8)) + rng.normal(size=(300, 8)) * layer).astype(dtype)
        for i in range(2)
        for layer in (1, 2, 3)
    }

    def null(fits: bool) -> np.ndarray:
        monkeypatch.setattr(first, "fit", lambda *_: fits)
        found = cs.compare(x, metrics=METRICS, permutations=7, se=False)
        return np.array([found[name].to_numpy() for name in ("null_mean", "z")])

    rows, moments = null(True), null(False)
    assert np.isfinite(moments[0]).any(axis=(0, 1)).all(), "every metric has a null"
    assert (np.nanstd(moments[0], axis=(0, 1)) > 0).all(), "and not one of every pair alike"
    np.testing.assert_allclose(rows, moments, rtol=1e-4 if dtype == np.float32 else 1e-7, atol=1e-6)


def test_what_a_map_magnifies_is_magnified_in_float64() -> None:
    """Of float32 features with directions a millionth of the largest, canonical correlations under permutations."""
    rng = np.random.default_rng(1)
    scale = np.geomspace(1, 1e-5, 20)
    x, y = ((rng.normal(size=(500, 20)) * scale).astype("f") for _ in range(2))
    small = cs.compare({"a": x, "b": y}, metrics=["cca"], permutations=20, se=False)
    large = cs.compare({"a": x.astype("d"), "b": y.astype("d")}, metrics=["cca"], permutations=20, se=False)
    np.testing.assert_allclose(small["null_mean"], large["null_mean"], rtol=1e-5)
