"""Features (n, d) in float32 whose nearest neighbours are hard to tell in few digits, each drawn by a generator."""

from collections.abc import Callable

import numpy as np

Make = Callable[[np.random.Generator, int], np.ndarray]


def _clusters(size: int, noise: float) -> Make:
    return lambda rng, n: (
        np.repeat(rng.normal(size=(-(-n // size), 96)), size, axis=0)[:n] + noise * rng.normal(size=(n, 96))
    )


def _outliers(rng: np.random.Generator, n: int) -> np.ndarray:
    x = rng.normal(size=(n, 128))
    x[:, :3] *= 300
    return x


def _language_model(rng: np.random.Generator, n: int) -> np.ndarray:
    """Units of all sizes, and three that make all rows point nearly the same way."""
    large = np.array([2e3, 2e3, -1e4]) + rng.normal(size=(n, 3)) * [200, 200, 500]
    return np.concatenate([rng.normal(size=(n, 200)) * np.exp(rng.normal(size=200)), large], axis=1)


def _zeros(rng: np.random.Generator, n: int) -> np.ndarray:
    x = rng.normal(size=(n, 70))
    x[::50] = 0
    return x


MAKE: dict[str, Make] = {
    "isotropic": lambda rng, n: rng.normal(size=(n, 256)),
    "few dimensions": lambda rng, n: rng.normal(size=(n, 20)) @ rng.normal(size=(20, 128)),
    "very few dimensions": lambda rng, n: rng.normal(size=(n, 4)) @ rng.normal(size=(4, 128)),
    "large means": lambda rng, n: rng.normal(size=(n, 128)) + 50,
    "outlier units": _outliers,
    "language model": _language_model,
    "heavy tails": lambda rng, n: rng.standard_t(1.5, size=(n, 128)),
    "lengths": lambda rng, n: rng.normal(size=(n, 128)) * np.exp(3 * rng.normal(size=(n, 1))),
    "rectified": lambda rng, n: np.maximum(rng.normal(size=(n, 64)) @ rng.normal(size=(64, 256)) - 8, 0),
    "copies": _clusters(3, 0.0),
    "many copies": _clusters(40, 0.0),
    "clusters": _clusters(50, 0.3),
    "tight clusters": _clusters(200, 0.01),
    "rows of zeros": _zeros,
}


def _float32(make: Make) -> Make:
    return lambda rng, n: make(rng, n).astype(np.float32)


CASES = {name: _float32(make) for name, make in MAKE.items()}
