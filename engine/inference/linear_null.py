"""Exact permutation moments of Σ_i a_iπ(i), the statistic behind scores of held-out pairs under a map that stays."""

from dataclasses import replace

import numpy as np

from consilience.engine.inference.null import Null


def linear(a: np.ndarray) -> Null:
    """The null of Σ_i a_iπ(i), π a random permutation of m samples and `a` (m, m).

    Mean Σa/m, variance Σā²/(m-1) and third cumulant m Σā³/((m-1)(m-2)), ā the doubly centred matrix. Source: Hoeffding
    1951; Fraser 1957.
    """
    centred = a - a.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    square = centred**2
    return from_sums(len(a), a.mean() * len(a), square.sum(), (square * centred).sum())


def hits(degree: np.ndarray, k: int) -> Null:
    """The null of the number of i with π(i) among k that i names; `degree` (m,) counts by how many each is named."""
    m = len(degree)
    share = degree / m
    spread = share * (1 - share)
    found = from_sums(m, float(k), m * spread.sum(), m * (spread * (1 - 2 * share)).sum())
    return replace(found, step=1.0)


def agreements(named: np.ndarray, true: np.ndarray) -> Null:
    """The null of the number of i with named_i = true_π(i), both (m,) numbers of classes, from 0."""
    m, classes = len(named), int(max(named.max(), true.max())) + 1
    p, q = (np.bincount(x, minlength=classes) for x in (named, true))
    mean = float(p @ q) / m
    centred = np.eye(classes) - q[:, None] / m - p / m + mean / m
    weights = np.outer(p, q)
    found = from_sums(m, mean, (weights * centred**2).sum(), (weights * centred**3).sum())
    return replace(found, step=1.0)


def from_sums(m: int, mean: float, second: float, third: float) -> Null:
    """The null from Σā² and Σā³; one sample has only one partner."""
    variance = second / (m - 1) if m > 1 else 0.0
    cumulant = m * third / ((m - 1) * (m - 2)) if m > 2 else 0.0
    skew = cumulant / variance**1.5 if variance > 0 else 0.0
    return Null(np.asarray(mean), np.sqrt(variance), np.asarray(skew))
