"""The metrics on nearest neighbours that look at their order or at the way back, written out sample by sample."""

from collections.abc import Callable

import numpy as np
import reference

Lists = list[list[int]]


def neighbours(x: np.ndarray, k: int, distance: str = "cosine") -> Lists:
    return [[int(j) for j in row] for row in reference.neighbours(x, k, distance)]


def mean(of: Callable[[list[int], list[int]], float], a: Lists, b: Lists) -> float:
    return float(np.mean([of(p, q) for p, q in zip(a, b)]))


def common_length(p: list[int], q: list[int]) -> int:
    """Of the longest common subsequence."""
    best = np.zeros((len(p) + 1, len(q) + 1), int)
    for i in range(len(p)):
        for j in range(len(q)):
            best[i + 1, j + 1] = best[i, j] + 1 if p[i] == q[j] else max(best[i, j + 1], best[i + 1, j])
    return int(best[-1, -1])


def levenshtein(p: list[int], q: list[int]) -> int:
    cost = np.zeros((len(p) + 1, len(q) + 1), int)
    cost[:, 0], cost[0] = range(len(p) + 1), range(len(q) + 1)
    for i in range(len(p)):
        for j in range(len(q)):
            replaced = cost[i, j] + (p[i] != q[j])
            cost[i + 1, j + 1] = min(cost[i, j + 1] + 1, cost[i + 1, j] + 1, replaced)
    return int(cost[-1, -1])


def rank_similarity(p: list[int], q: list[int]) -> float:
    both = set(p) & set(q)
    if not both:
        return 0.0
    total = 0.0
    for j in both:
        r, s = p.index(j) + 1, q.index(j) + 1
        total += 2 / ((1 + abs(r - s)) * (r + s))
    return total / sum(1 / m for m in range(1, len(both) + 1))


def cycle_of(a: Lists, b: Lists) -> float:
    return float(np.mean([any(i in a[j] for j in b[i]) for i in range(len(a))]))


def lcs_knn(x: np.ndarray, y: np.ndarray, k: int, distance: str = "cosine") -> float:
    return mean(common_length, neighbours(x, k, distance), neighbours(y, k, distance)) / k


def edit_knn(x: np.ndarray, y: np.ndarray, k: int, distance: str = "cosine") -> float:
    return 1 - mean(levenshtein, neighbours(x, k, distance), neighbours(y, k, distance)) / k


def rank_knn(x: np.ndarray, y: np.ndarray, k: int, distance: str = "cosine") -> float:
    return mean(rank_similarity, neighbours(x, k, distance), neighbours(y, k, distance))


def cycle_knn(x: np.ndarray, y: np.ndarray, k: int, distance: str = "cosine") -> float:
    """N_Y first, then N_X of those: `knn_A[knn_B]` in the code of Huh et al. 2024."""
    return cycle_of(neighbours(x, k, distance), neighbours(y, k, distance))


def second_order_cosine(x: np.ndarray, y: np.ndarray, k: int, distance: str = "cosine") -> float:
    found = []
    similar = []
    for z in (x, y):
        unit = z / np.linalg.norm(z, axis=1, keepdims=True)
        similar.append(unit @ unit.T if distance == "cosine" else reference.distances(z))
    for i, (p, q) in enumerate(zip(neighbours(x, k, distance), neighbours(y, k, distance))):
        union = sorted(set(p) | set(q))
        s, t = (m[i, union] for m in similar)
        found.append(s @ t / np.linalg.norm(s) / np.linalg.norm(t))
    return float(np.mean(found))


# Identical representations score 1 on `cycle_knn` once k is large enough that every sample has a way back.
REFERENCE: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "cycle_knn:k=6": lambda x, y: cycle_knn(x, y, 6),
    "lcs_knn:k=3": lambda x, y: lcs_knn(x, y, 3),
    "lcs_knn:distance=euclidean,k=5": lambda x, y: lcs_knn(x, y, 5, "euclidean"),
    "edit_knn:k=4": lambda x, y: edit_knn(x, y, 4),
    "edit_knn:distance=euclidean,k=5": lambda x, y: edit_knn(x, y, 5, "euclidean"),
    "rank_knn:k=3": lambda x, y: rank_knn(x, y, 3),
    "rank_knn:distance=euclidean,k=5": lambda x, y: rank_knn(x, y, 5, "euclidean"),
    "second_order_cosine:k=4": lambda x, y: second_order_cosine(x, y, 4),
    "second_order_cosine:distance=euclidean,k=5": lambda x, y: second_order_cosine(x, y, 5, "euclidean"),
}
