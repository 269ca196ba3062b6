"""How reliable the dissimilarities of stimuli are: between repeats, and between halves of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import squareform

from consilience.engine.ceiling import ALONE, entries_of, subject_ceilings
from consilience.engine.comparison import Comparison
from consilience.engine.errors import BadInput
from consilience.engine.features.rdm import RDM
from consilience.engine.inference.null import from_permutations
from consilience.engine.inference.pooling import normalised
from consilience.engine.metrics import parse
from consilience.engine.metrics.registry import Request
from consilience.engine.reliability.halves import spearman_brown, splits

COMPARED = ("spearman", "pearson", "cosine")


@dataclass(frozen=True)
class OfRdms:
    """What `rdm_reliability` finds.

    Attributes:
        mean: (n, n) the RDM of the mean over repeats.
        pairs: the mean score of the RDMs of two repeats. p: of it, one-sided, NaN without permutations.
        reliability: of `mean`, from halves, corrected by Spearman and Brown.
        lower, upper: noise ceilings of single repeats, as `noise_ceiling` has them of subjects.
    """

    mean: np.ndarray
    pairs: float
    p: float
    reliability: float
    lower: float
    upper: float


def request_of(metric: Any) -> Request:
    """The metric; BadInput for one of whose halves nothing follows for the whole, or that has no RDM."""
    request = parse(metric)
    rdm = request.metric.name == "rsa" and request.parameters["rdm"] != "crossnobis"
    if not rdm or request.parameters["compare"] not in COMPARED:
        raise BadInput(
            f"rsa compared by {', '.join(COMPARED)}, for its reliability",
            repr(request.id),
            "use rsa, the default",
        )
    return request


def rdm_reliability(
    repeats: np.ndarray | Sequence[RDM], metric: Any, most: int, permutations: int, seed: int, budget: Any
) -> OfRdms:
    """Reliability of an RDM of n stimuli, by an ``rsa`` metric.

    Of features a half is the RDM of the mean responses of its repeats, of RDMs their mean. For p the stimuli of every
    repeat are permuted by themselves: dissimilarities that no two repeats have in common.

    Args:
        repeats: responses (n, repeats, d), or an RDM of each repeat.
    """
    count = repeats.shape[1] if isinstance(repeats, np.ndarray) else len(repeats)
    dealt = splits(count, most, seed).reshape(-1, count)
    weights = np.concatenate(
        [np.eye(count), dealt / dealt.sum(axis=1, keepdims=True), np.full((1, count), 1 / count)]
    )
    entries, compare = _entries(repeats, weights, metric, budget)
    scaled = _unit(entries, compare)
    each, halves = scaled[:count], scaled[count:-1].reshape(-1, 2, scaled.shape[1])
    between = np.einsum("skn,skn->s", halves[:, :1], halves[:, 1:]).mean()
    pairs = _among(each)
    p = np.nan
    if permutations:
        rng = np.random.default_rng([seed, 9])
        square = np.stack([squareform(e, checks=False) for e in each])
        upper = np.triu_indices(square.shape[1], 1)
        orders = (
            rng.permuted(np.tile(np.arange(square.shape[1]), (count, 1)), axis=1) for _ in range(permutations)
        )
        draws = np.array([_among(_reordered(square, order)[:, *upper]) for order in orders])
        p = float(from_permutations(draws, np.array(pairs), "similarity")[1])
    ceilings = subject_ceilings(
        {f"repeat {k}": RDM(e) for k, e in enumerate(entries[:count])}, metric, budget=budget
    )
    mean = squareform(entries[-1], checks=False)
    lower, upper_ = (float(c.mean()) for c in ceilings)
    return OfRdms(mean, pairs, p, float(spearman_brown(between, count)), lower, upper_)


def _entries(repeats: Any, weights: np.ndarray, metric: Any, budget: Any) -> tuple[np.ndarray, str]:
    """Dissimilarities (W, n(n-1)/2) of the mean of all repeats under every weighting (W, repeats), and how they are
    compared."""
    names = [f"weighting {k}" for k in range(len(weights))]
    features = (
        {name: np.einsum("r,nrd->nd", w, repeats) for name, w in zip(names, weights)}
        if isinstance(repeats, np.ndarray)
        else {name: RDM(sum(x * r.values for x, r in zip(w, repeats))) for name, w in zip(names, weights)}
    )
    comparison = Comparison(features, None, [metric], budget=budget, **ALONE)
    (request,) = comparison.requests
    return entries_of(comparison, request), str(request.parameters["compare"])


def _unit(entries: np.ndarray, compare: str) -> np.ndarray:
    """Entries whose inner products are the scores; NaN of an RDM that does not vary."""
    found = normalised(entries, compare)
    if compare == "spearman":
        found = found - found.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def _among(each: np.ndarray) -> float:
    """The mean of the inner products of every two rows."""
    count = len(each)
    return float((each.sum(axis=0) ** 2).sum() - (each**2).sum()) / (count * (count - 1))


def _reordered(square: np.ndarray, orders: np.ndarray) -> np.ndarray:
    return np.stack([one[np.ix_(order, order)] for one, order in zip(square, orders)])
