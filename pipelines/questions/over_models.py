"""What holds over models: pairs that share a model are not independent, and few models can tell little."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, permutations, product
from math import factorial, prod

import numpy as np

from consilience.engine.inference.interval import quantile
from consilience.engine.inference.jackknife import standard_error

LEAST = 3  # models on either side, for an error over models
EXACT, DRAWN = 5040, 999  # orders that are all tried; how many are drawn where there are more


@dataclass(frozen=True)
class Mean:
    """A mean over pairs of models with its 95 % interval over models; NaN where there are too few."""

    value: float
    se: float
    low: float
    high: float


def mean(values: Mapping[tuple[str, str], float]) -> Mean:
    """The mean over pairs (model of one modality, model of another), as far as it holds for other models.

    The error is that of the jackknife over the models of either side, each left out with all its pairs; the variances
    of the two sides add up, as those of rows and columns do that are drawn independently. Student's t has as many
    degrees of freedom as the smaller side has models, less one.
    """
    known = {k: v for k, v in values.items() if np.isfinite(v)}
    if not known:
        return Mean(*[np.nan] * 4)
    value = float(np.mean(list(known.values())))
    sides = [list(dict.fromkeys(k[side] for k in known)) for side in (0, 1)]
    if min(map(len, sides)) < LEAST:
        return Mean(value, np.nan, np.nan, np.nan)
    variance = 0.0
    for side, models in enumerate(sides):
        left = [np.mean([v for k, v in known.items() if k[side] != model]) for model in models]
        variance += float(standard_error(np.array(left))) ** 2
    se = float(np.sqrt(variance))
    half = float(quantile(min(map(len, sides)))) * se
    return Mean(value, se, value - half, value + half)


@dataclass(frozen=True)
class Permuted:
    """A p-value over orders of models: `least` is the smallest that so few models allow, of so many `orders`."""

    p: float
    least: float
    orders: int


def orders(strata: Sequence[int], seed: int = 0) -> Iterator[np.ndarray]:
    """Orders of models that stay within their `strata` (M,): all of them, the one there is first, where these are at
    most 5,040; else 999 drawn at random."""
    at = [np.flatnonzero(np.asarray(strata) == x) for x in dict.fromkeys(strata)]
    if count(strata) <= EXACT:
        for parts in product(*(permutations(x) for x in at)):
            order = np.empty(len(strata), np.int64)
            for places, part in zip(at, parts):
                order[places] = part
            yield order
        return
    rng = np.random.default_rng(seed)
    for _ in range(DRAWN):
        order = np.empty(len(strata), np.int64)
        for places in at:
            order[places] = rng.permutation(places)
        yield order


def count(strata: Sequence[int]) -> int:
    """How many such orders there are."""
    return prod(factorial(int((np.asarray(strata) == x).sum())) for x in dict.fromkeys(strata))


def permuted(statistic: Callable[[np.ndarray], float], strata: Sequence[int], seed: int = 0) -> Permuted:
    """One-sided p that `statistic` of an order of the models is as large as that of the order there is.

    Of all orders it is the share of those at least as large, the one there is among them; of drawn ones (1 + those) /
    (1 + drawn). The least is had where no other order reaches it, however large the statistic.
    """
    total = count(strata)
    mine = statistic(np.arange(len(strata)))
    draws = np.array([statistic(x) for x in islice(orders(strata, seed), EXACT)])
    far = int((draws >= mine - 1e-12 * max(1.0, abs(mine))).sum())
    if total <= EXACT:
        return Permuted(far / total, 1 / total, total)
    return Permuted((1 + far) / (1 + DRAWN), 1 / (1 + DRAWN), total)
