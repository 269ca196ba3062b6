"""Encoding models written from their definition, in float64, one map at a time."""

from collections.abc import Sequence

import numpy as np

Array = np.ndarray
Rows = Sequence[Array]


def ridge(x: Array, y: Array, penalty: float) -> tuple[Array, Array, Array]:
    """Means of x and y, and the weights of (Xc'Xc + penalty) w = Xc'Yc."""
    mx, my = x.mean(0), y.mean(0)
    xc, yc = x - mx, y - my
    return mx, my, np.linalg.solve(xc.T @ xc + penalty * np.eye(x.shape[1]), xc.T @ yc)


def predict(train: tuple[Array, Array], test: Array, penalty: float, standardise: bool = False) -> Array:
    x, y = train
    if standardise:
        sd = x.std(0)
        sd[sd == 0] = np.inf
        x, test = x / sd, test / sd
    mx, my, w = ridge(x, y, penalty)
    return my + (test - mx) @ w


def choose(
    x: Array, y: Array, folds: Rows, penalties: Array, standardise: bool = False
) -> tuple[Array, Array]:
    """The best penalty of every response, as RidgeCV chooses it, and minus its error."""
    merit = np.zeros((len(penalties), y.shape[1]))
    for held in folds:
        rest = np.setdiff1d(np.concatenate(folds), held)
        for k, penalty in enumerate(penalties):
            found = predict((x[rest], y[rest]), x[held], penalty, standardise)
            merit[k] -= ((y[held] - found) ** 2).mean(0) / len(folds)
    merit += 1e-10 * np.log10(penalties)[:, None]
    best = merit.argmax(0)
    return penalties[best], merit[best, np.arange(y.shape[1])]


def scores(y: Array, found: Array) -> tuple[Array, Array]:
    """r and R² of every response."""
    yc, fc = y - y.mean(0), found - found.mean(0)
    r = (yc * fc).sum(0) / np.sqrt((yc**2).sum(0) * (fc**2).sum(0))
    return r, 1 - ((y - found) ** 2).sum(0) / (yc**2).sum(0)


def encode(
    x: Array, y: Array, folds: Rows, penalties: Array, *, nested: bool = True, standardise: bool = False,
    spaces: Sequence[int] | None = None, weightings: Array | None = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """r, R² and penalty (F, v) of every fold; with `spaces` (their widths) and `weightings`, of banded ridge."""
    weightings = np.ones((1, 1)) if weightings is None else weightings
    spaces = [x.shape[1]] if spaces is None else spaces
    r, r2, chosen = (np.full((len(folds), y.shape[1]), np.nan) for _ in range(3))
    for f, held in enumerate(folds):
        others = [fold for g, fold in enumerate(folds) if g != f]
        train = np.concatenate(others)
        best = np.full(y.shape[1], -np.inf)
        for gamma in weightings:
            z = x * np.sqrt(np.repeat(gamma, spaces))
            penalty, merit = choose(z, y, others if nested else folds, penalties, standardise)
            for j in np.flatnonzero(merit > best):
                best[j] = merit[j]
                found = predict((z[train], y[train, [j]][:, None]), z[held], penalty[j], standardise)
                (r[f, j],), (r2[f, j],) = scores(y[held, [j]][:, None], found)
                chosen[f, j] = penalty[j]
    return r, r2, chosen


def delayed(x: Array, delays: Sequence[int], groups: Array) -> Array:
    """x_(t - delay), 0 where that row is not of the same group, a delay after the other."""
    out = np.zeros((len(x), len(delays) * x.shape[1]))
    for t in range(len(x)):
        for k, delay in enumerate(delays):
            if t >= delay and groups[t - delay] == groups[t]:
                out[t, k * x.shape[1] : (k + 1) * x.shape[1]] = x[t - delay]
    return out


def with_gap(folds: Rows, gap: int) -> list[Array]:
    """Contiguous folds without the rows of which a row of a later fold is at most ⌈gap / 2⌉ rows away, or one of an
    earlier fold at most ⌊gap / 2⌋."""
    of = {int(row): f for f, fold in enumerate(folds) for row in fold}
    after, before = (gap + 1) // 2, gap // 2

    def stays(row: int) -> bool:
        near = [*range(row - before, row), *range(row + 1, row + after + 1)]
        return all(of.get(other, of[row]) == of[row] for other in near)

    return [np.array([row for row in fold if stays(int(row))]) for fold in folds]


def contiguous(n: int, folds: int) -> list[Array]:
    return np.array_split(np.arange(n), folds)
