"""Trends and groups of a zoo, from the scores of its models with each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consilience.engine.inference.interval import quantile
from consilience.engine.inference.jackknife import standard_error

LEAST = 4  # models, for a slope with an error
PERMUTATIONS = 999


@dataclass(frozen=True)
class Trend:
    """A straight line of the models' mean scores over their years, or the decimal logarithm of their sizes, with its
    95 % interval."""

    slope: float
    intercept: float
    se: float
    low: float
    high: float


def means(scores: np.ndarray) -> np.ndarray:
    """(M,): of every model the mean of its scores with the others, from (M, M); NaN is no score."""
    others = np.where(np.eye(len(scores), dtype=bool), np.nan, scores)
    counts = np.isfinite(others).sum(axis=1)
    return np.where(counts > 0, np.nansum(others, axis=1) / np.maximum(counts, 1), np.nan)


def trend(size: np.ndarray, scores: np.ndarray, decades: bool = True) -> Trend | None:
    """The least-squares line of `means(scores)` over log10 `size` (M,), or over `size` as it is without `decades`; None
    for fewer than four models, or one size.

    Scores of pairs are not independent: one model is in many. So the error is that of the jackknife over models, each
    left out with all its pairs, and the interval that of Student's t with M - 1 degrees of freedom.
    """
    known = np.isfinite(size) & (size > 0) & np.isfinite(means(scores))
    x = np.log10(size[known]) if decades else size[known]
    scores = scores[np.ix_(known, known)]
    if len(x) < LEAST or np.ptp(x) < 1e-9:
        return None
    slope, intercept = line(x, means(scores))
    left = []
    for k in range(len(x)):
        rest = np.arange(len(x)) != k
        if np.ptp(x[rest]) < 1e-9:
            return None
        left.append(line(x[rest], means(scores[np.ix_(rest, rest)]))[0])
    se = float(standard_error(np.array(left)))
    half = float(quantile(len(x))) * se
    return Trend(slope, intercept, se, slope - half, slope + half)


def line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope of the least-squares line of y over x (M,), and its height at the mean of x; of the points that are
    known."""
    there = np.isfinite(y)
    x, y = x[there] - x[there].mean(), y[there]
    slope = float(x @ y / (x @ x))
    return slope, float(y.mean())


@dataclass(frozen=True)
class Grouping:
    """Scores within groups of models against those between them. `p` is one-sided, that models of a group are more
    alike, by permuting which model is in which group."""

    within: float
    between: float
    p: float
    sizes: dict[str, int]


def grouping(
    labels: Sequence[str], scores: np.ndarray, more_is_alike: bool, seed: int = 0
) -> Grouping | None:
    """Test groups `labels` (M,), "" where it is not known; None without two models of one group and two groups."""
    known = np.array([bool(x) for x in labels])
    names, scores = np.array(labels, object)[known], scores[np.ix_(known, known)]
    sizes = {str(x): int((names == x).sum()) for x in dict.fromkeys(names)}

    within, between = apart(names, scores)
    if not np.isfinite(within + between):
        return None
    sign, rng = 1 if more_is_alike else -1, np.random.default_rng(seed)
    drawn = [apart(rng.permutation(names), scores) for _ in range(PERMUTATIONS)]
    far = sum(sign * (a - b) >= sign * (within - between) - 1e-12 for a, b in drawn)
    return Grouping(within, between, (1 + far) / (1 + PERMUTATIONS), sizes)


def apart(of: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Mean scores of two models of one group, and of two; groups (M,), scores (M, M). NaN where there is no such
    pair."""
    pairs = np.triu(np.isfinite(scores), 1)
    same = np.equal.outer(of, of)
    return (
        float(scores[same & pairs].mean()) if (same & pairs).any() else np.nan,
        float(scores[~same & pairs].mean()) if (~same & pairs).any() else np.nan,
    )


def aligned(maps: Sequence[tuple[list[str], np.ndarray]]) -> list[np.ndarray]:
    """The maps (names, (M, 2)) of several runs turned, mirrored and moved onto the last, by the models they share with
    the next one: an axis of such a map has no direction of its own."""
    found: list[np.ndarray] = []
    after: tuple[list[str], np.ndarray] | None = None
    for names, xy in reversed(maps):
        if after is not None:
            both = [x for x in names if x in after[0]]
            if len(both) >= 2:
                mine = xy[[names.index(x) for x in both]]
                theirs = after[1][[after[0].index(x) for x in both]]
                centre, to = mine.mean(axis=0), theirs.mean(axis=0)
                left, _, right = np.linalg.svd((mine - centre).T @ (theirs - to))
                xy = (xy - centre) @ left @ right + to
        after = (names, xy)
        found.append(xy)
    return found[::-1]
