"""The best pair of layers of two models: chosen on one half of the samples, reported on the other."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from consilience.engine.inference.interval import interval


@dataclass(frozen=True)
class Best:
    """The pair of layers of two models that agrees most on one half of the samples, with its score on the
    other half.

    `a` and `b` are positions along those dims of the score table; `select` is the score that chose, the rest
    is what the held-out half says.
    """

    model_a: str
    layer_a: str
    model_b: str
    layer_b: str
    a: int
    b: int
    select: float
    score: float
    se: float
    low: float
    high: float
    z: float
    p: float


def names(scores: xr.Dataset, side: str) -> list[str]:
    """The models along dim `side` (``a`` or ``b``), in the order in which they stand."""
    return list(dict.fromkeys(str(m) for m in scores[f"model_{side}"].values))


def sign(scores: xr.Dataset, metric: str) -> int:
    """1 where more of `metric` is more alike, -1 where it is a distance."""
    return -1 if str(scores["direction"].sel(metric=metric).item()) == "distance" else 1


def best_pairs(scores: xr.Dataset, metric: str) -> dict[tuple[str, str], Best]:
    """The best pair of layers for every ordered pair of different models that has one, by ``(model_a,
    model_b)``.

    "Best" is the highest score of a similarity and the lowest of a distance. The two orders of the same
    models are equal for a symmetric metric and differ for a directed one. Pairs without a selection score or
    a held-out score are absent.
    """
    one = scores.sel(metric=metric)
    select, holdout = one["score_select"].values, one["score_holdout"].values
    rank = np.where(np.isfinite(select) & np.isfinite(holdout), select * sign(scores, metric), -np.inf)
    low, high = interval(holdout, one["se_holdout"].values, one["groups_holdout"].item())
    model_a, model_b = one["model_a"].values, one["model_b"].values
    found = {}
    for ma in names(scores, "a"):
        for mb in names(scores, "b"):
            rows, columns = np.flatnonzero(model_a == ma), np.flatnonzero(model_b == mb)
            block = rank[np.ix_(rows, columns)]
            if ma == mb or not np.isfinite(block).any():
                continue
            i, j = np.unravel_index(np.argmax(block), block.shape)
            at = int(rows[i]), int(columns[j])
            found[ma, mb] = Best(
                ma, str(one["layer_a"].values[at[0]]), mb, str(one["layer_b"].values[at[1]]), *at,
                *(float(v[at]) for v in (select, holdout, one["se_holdout"].values, low, high)),
                *(float(one[name].values[at]) for name in ("z_holdout", "p_holdout")),
            )  # fmt: skip
    return found


def profile(scores: xr.Dataset, metric: str, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """For each of the layers `rows` of a: the layer among `columns` of b that one half chooses, as the other scores it.

    Returns positions in `rows` (those that have one), and for each the held-out score and the two ends of its interval.
    """
    one = scores.sel(metric=metric).isel(a=rows, b=columns)
    select, holdout = one["score_select"].values, one["score_holdout"].values
    rank = np.where(np.isfinite(select) & np.isfinite(holdout), select * sign(scores, metric), -np.inf)
    there = np.flatnonzero(np.isfinite(rank).any(axis=1))
    at = there, np.argmax(rank[there], axis=1)
    low, high = interval(holdout[at], one["se_holdout"].values[at], one["groups_holdout"].item())
    return there, holdout[at], low, high


def matrix(scores: xr.Dataset, metric: str) -> tuple[list[str], list[str], np.ndarray]:
    """Held-out scores of the best pairs: models of a, models of b, and their array (NaN where there is none)."""
    rows, columns = names(scores, "a"), names(scores, "b")
    values = np.full((len(rows), len(columns)), np.nan)
    for (ma, mb), best in best_pairs(scores, metric).items():
        values[rows.index(ma), columns.index(mb)] = best.score
    return rows, columns, values
