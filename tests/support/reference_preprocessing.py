"""Every preprocessing step written out from its definition, in float64 NumPy on whole arrays."""

from collections.abc import Callable
from math import fsum

import numpy as np


def mean(x: np.ndarray) -> np.ndarray:
    return np.array([fsum(column) / len(column) for column in x.T])


def centre(x: np.ndarray) -> np.ndarray:
    return x - mean(x)


def zscore(x: np.ndarray) -> np.ndarray:
    varies = x.max(axis=0) > x.min(axis=0)
    out = np.zeros_like(x)
    out[:, varies] = centre(x[:, varies]) / np.sqrt(mean(centre(x[:, varies]) ** 2))
    return out


def l2(x: np.ndarray) -> np.ndarray:
    return np.array([row / np.sqrt((row**2).sum()) if row.any() else row for row in x])


def mean_quantile(x: np.ndarray, share: float = 0.95) -> np.floating:
    return np.mean([np.quantile(np.abs(row), share) for row in x])


def exact_quantile(x: np.ndarray, share: float = 0.95) -> np.floating:
    return np.quantile(np.abs(x), share, method="inverted_cdf")


def clip(x: np.ndarray, q: np.floating) -> np.ndarray:
    return np.minimum(np.maximum(x, -q), q)


def pca(x: np.ndarray, variance: float = 1.0, components: int = 0) -> np.ndarray:
    c = centre(x)
    _, s, vt = np.linalg.svd(c, full_matrices=False)
    if not components:
        shares = np.cumsum(s**2) / (s**2).sum()
        components = int(np.argmax(shares >= variance)) + 1
    v = vt[:components].T
    signs = np.sign([column[np.abs(column).argmax()] for column in v.T])
    return c @ (v * signs)


REFERENCE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "centre": centre,
    "zscore": zscore,
    "l2": l2,
    "clip": lambda x: clip(x, mean_quantile(x)),
    "clip:share=0.5": lambda x: clip(x, mean_quantile(x, 0.5)),
    "clip:quantile=exact": lambda x: clip(x, exact_quantile(x)),
    "clip:quantile=exact,share=0.3": lambda x: clip(x, exact_quantile(x, 0.3)),
    "pca": lambda x: pca(x, variance=0.95),
    "pca:variance=0.6": lambda x: pca(x, variance=0.6),
    "pca:components=2": lambda x: pca(x, components=2),
}
