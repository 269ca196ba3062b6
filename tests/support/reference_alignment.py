"""What an alignment study says, written out from the definitions, subject by subject and layer by layer."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats
from scipy.spatial.distance import pdist


def rsa(x: np.ndarray, y: np.ndarray) -> float:
    return float(stats.spearmanr(pdist(x, "correlation"), pdist(y, "correlation")).statistic)


def choose(scores: np.ndarray, subject: int) -> int:
    """Of (layers, subjects): the layer that is best on average over the other subjects."""
    others = [s for s in range(scores.shape[1]) if s != subject]
    means = [np.mean([scores[l, s] for s in others]) for l in range(len(scores))]
    return next(l for l, mean in enumerate(means) if mean > max(means) - 1e-12)


def held_out(scores: np.ndarray, similar: bool = True) -> tuple[list[int], np.ndarray]:
    """The layer chosen for every subject, and its score on that subject."""
    chosen = [choose(scores if similar else -scores, s) for s in range(scores.shape[1])]
    return chosen, np.array([scores[l, s] for s, l in enumerate(chosen)])


def t_interval(values: np.ndarray | list[float]) -> tuple[float, float, float]:
    found = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    return float(np.mean(values)), float(found.low), float(found.high)


def holm(p: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """By stepping down through the p of all pairs."""
    q, worst = {}, 0.0
    for k, (pair, value) in enumerate(sorted(p.items(), key=lambda item: item[1])):
        worst = max(worst, (len(p) - k) * value)
        q[pair] = min(1.0, worst)
    return q


def p_of(observed: float, draws: Sequence[float]) -> float:
    return (1 + sum(d >= observed for d in draws)) / (1 + len(draws))


def order_of_regions(depths: np.ndarray) -> float:
    """Kendall's tau-a of the depths of regions in their order."""
    pairs = [(i, j) for j in range(len(depths)) for i in range(j)]
    return sum(np.sign(depths[j] - depths[i]) for i, j in pairs) / len(pairs)


def of_copies(x: np.ndarray, y: np.ndarray, counts: Sequence[int], compare: str) -> float:
    """Two RDMs (n, n) over stimuli drawn so many times, pairs of a stimulus with its own copy left out."""
    drawn = np.repeat(np.arange(len(x)), counts)
    pairs = [(i, j) for k, i in enumerate(drawn) for j in drawn[k + 1 :] if i != j]
    a, b = (np.array([m[i, j] for i, j in pairs]) for m in (x, y))
    if compare == "cosine":
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    if compare == "pearson":
        return float(np.corrcoef(a, b)[0, 1])
    a, b = stats.rankdata(a), stats.rankdata(b)
    if compare == "spearman":
        return float(np.corrcoef(a, b)[0, 1])
    count = len(a)
    return float(12 * ((a - a.mean()) @ (b - b.mean())) / (count**3 - count))
