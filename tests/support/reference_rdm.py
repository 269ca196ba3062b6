"""Metrics of given dissimilarity matrices written out from their definitions, in float64 NumPy."""

from collections.abc import Callable

import numpy as np
import reference
from scipy.stats import rankdata


def kernel(d: np.ndarray) -> np.ndarray:
    """-1/2 J D J: the inner products of centred samples whose squared distances are D."""
    j = np.eye(len(d)) - 1 / len(d)
    return -0.5 * j @ d @ j


def gaussian(d: np.ndarray) -> np.ndarray:
    median = np.median(np.sqrt(d[np.triu_indices(len(d), 1)]))
    return np.exp(-d / (2 * median**2))


def alignment(k: np.ndarray, l: np.ndarray, hsic: Callable[[np.ndarray, np.ndarray], float]) -> float:
    own = hsic(k, k) * hsic(l, l)
    return float(hsic(k, l) / np.sqrt(own)) if hsic(k, k) > 0 and hsic(l, l) > 0 else float("nan")


def cka(d: np.ndarray, e: np.ndarray) -> float:
    return alignment(kernel(d), kernel(e), reference.hsic_unbiased)


def cka_biased(d: np.ndarray, e: np.ndarray) -> float:
    return alignment(kernel(d), kernel(e), reference.hsic_biased)


def cka_rbf(d: np.ndarray, e: np.ndarray) -> float:
    return alignment(gaussian(d), gaussian(e), reference.hsic_unbiased)


def distance_correlation(d: np.ndarray, e: np.ndarray) -> float:
    return alignment(np.sqrt(d), np.sqrt(e), reference.hsic_unbiased)


def spearman(d: np.ndarray, e: np.ndarray) -> float:
    upper = np.triu_indices(len(d), 1)
    return float(np.corrcoef(rankdata(d[upper]), rankdata(e[upper]))[0, 1])


def cosine(d: np.ndarray, e: np.ndarray) -> float:
    upper = np.triu_indices(len(d), 1)
    return float(d[upper] @ e[upper] / np.linalg.norm(d[upper]) / np.linalg.norm(e[upper]))


def nearest(d: np.ndarray, k: int) -> np.ndarray:
    away = d.astype(np.float64).copy()
    np.fill_diagonal(away, np.inf)
    return np.argsort(away, axis=1, kind="stable")[:, :k]


def mutual_knn(d: np.ndarray, e: np.ndarray) -> float:
    return float(np.mean([len(set(p) & set(q)) / 3 for p, q in zip(nearest(d, 3), nearest(e, 3))]))


def second_order_cosine(d: np.ndarray, e: np.ndarray) -> float:
    found = []
    for i, (p, q) in enumerate(zip(nearest(d, 3), nearest(e, 3))):
        union = sorted(set(p) | set(q))
        s, t = np.sqrt(d[i, union]), np.sqrt(e[i, union])
        found.append(s @ t / np.linalg.norm(s) / np.linalg.norm(t))
    return float(np.mean(found))


def cknna(d: np.ndarray, e: np.ndarray) -> float:
    k, l = kernel(d), kernel(e)
    masks = []
    for z in (k, l):
        mask = np.zeros(z.shape)
        np.put_along_axis(mask, nearest(-z, 3), 1, axis=1)
        masks.append(mask)
    both = masks[0] * masks[1]
    own = [reference.hsic_unbiased(m * z, m * z) for m, z in zip(masks, (k, l))]
    return (
        float(reference.hsic_unbiased(both * k, both * l) / np.sqrt(own[0] * own[1]))
        if min(own) > 0
        else np.nan
    )


REFERENCE: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "cka": cka,
    "cka:estimator=biased": cka_biased,
    "cka:kernel=rbf": cka_rbf,
    "distance_correlation": distance_correlation,
    "rsa": spearman,
    "rsa:compare=cosine,rdm=euclidean": cosine,
    "rsa:compare=whitened_cosine,rdm=cosine": cka_biased,
    "mutual_knn:k=3": mutual_knn,
    "mutual_knn:distance=euclidean,k=3": mutual_knn,
    "second_order_cosine:distance=euclidean,k=3": second_order_cosine,
    "cknna:k=3": cknna,
}
