"""The entries of a random projection, and the error that it is promised to add to squared distances.

They stand apart from the step `random_projection`, for extraction projects by the same, before a table is there.
"""

from math import exp, log

import numpy as np


def matrix(d: int, components: int, entries: str, seed: int) -> np.ndarray:
    """(d, k) with independent entries of mean 0 and variance 1/k: normal, or sqrt(3/k) times 1, 0, -1 with
    probabilities 1/6, 2/3, 1/6 (sparse). The same for representations of the same width, whose units may correspond."""
    if entries == "gaussian":
        rng = np.random.default_rng([seed, d, components])
        return rng.standard_normal((d, components)) / np.sqrt(components)
    return signs(d, components, seed) * np.sqrt(3 / components)


def signs(d: int, components: int, seed: int) -> np.ndarray:
    """(d, k) of the sparse entries without their scale: 1, 0 and -1, in a byte each."""
    drawn = np.random.default_rng([seed, d, components]).integers(0, 6, (d, components), np.int8)
    found = (drawn == 0).astype(np.int8)
    found -= drawn == 1
    return found


def bound(n: int, components: int) -> float:
    """ε such that all squared distances between n samples change by at most ε of themselves, with probability of at
    least 1 - 1/n (Johnson and Lindenstrauss).

    One changes by more with probability of at most 2 exp(-k (ε - ln(1 + ε)) / 2), for both kinds of entries (Achlioptas
    2003, before he bounds the logarithm); n² / 2 of them, so k (ε - ln(1 + ε)) = 6 ln n.
    """
    from scipy.special import lambertw

    return float(-1 - lambertw(-exp(-1 - 6 * log(n) / components), -1).real)
