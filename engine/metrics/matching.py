"""Recovering which sample is which from similarities within each representation, and a few known pairs."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment, quadratic_assignment

from consilience.engine.inference.linear_null import linear
from consilience.engine.metrics.held_out import Fit, Scores, Side, exact
from consilience.engine.metrics.registry import EUCLIDEAN, Choice, Number, Work, register


@dataclass(frozen=True)
class Kernels:
    """Inner products of s seeds and m queries: (s, s), (m, s), (m, m); and the order in which queries are shown."""

    seeds: np.ndarray
    across: np.ndarray
    queries: np.ndarray
    order: np.ndarray


def _factor(side: Side, method: str, seeds: int, gallery: int) -> Kernels:
    """Centred by the mean of all for ``qap``, of the seeds for ``local_cka``."""
    known, rows = side.split.anchors(seeds), side.held.rows
    x = side.framed(np.concatenate([known, rows]))
    s = len(known)
    x -= x.mean(axis=0) if method == "qap" else x[:s].mean(axis=0)
    order = np.random.default_rng([side.split.seed, 2]).permutation(len(rows))
    return Kernels(x[:s] @ x[:s].T, x[s:] @ x[:s].T, x[s:] @ x[s:].T, order)


def _quadratic(left: Kernels, right: Kernels) -> np.ndarray:
    """The query of Y for each query of X: Fast Approximate QAP from the barycentre, seeds fixed."""
    whole = [np.block([[z.seeds, z.across.T], [z.across, z.queries]]) for z in (left, right)]
    s = len(left.seeds)
    fixed = np.repeat(np.arange(s)[:, None], 2, axis=1)
    options = {"maximize": True, "partial_match": fixed, "rng": np.random.default_rng(0)}  # it draws nothing
    found = quadratic_assignment(*whole, options=options)
    return found.col_ind[s:] - s


def local_cka(left: Kernels, right: Kernels) -> np.ndarray:
    """(m, m): biased linear CKA of the seeds and query i of X with the seeds and query j of Y.

    Of seeds that are centred, HSIC is <K, L> + 2f k_i'l_j + f² κ_i λ_j with f = s/(s+1), K the kernel of the seeds, k_i
    that of query i with them, and κ_i that of the query with itself. 0 where a self term is.
    """
    f = len(left.seeds) / (len(left.seeds) + 1)
    own_left, own_right = np.diagonal(left.queries), np.diagonal(right.queries)
    hsic = (left.seeds * right.seeds).sum() + 2 * f * left.across @ right.across.T
    hsic += f**2 * np.outer(own_left, own_right)
    selves = [
        (z.seeds**2).sum() + 2 * f * (z.across**2).sum(axis=1) + (f * own) ** 2
        for z, own in ((left, own_left), (right, own_right))
    ]
    norm = np.sqrt(np.outer(*selves))
    return np.divide(hsic, norm, out=np.zeros_like(hsic), where=norm > 0)


@register(
    "matching",
    needs="held_out",
    factor=_factor,
    work=lambda method, seeds, gallery: Work(entry=60.0 if method == "local_cka" else 350.0),
    parameters={
        "method": Choice(("qap", "local_cka")),
        "seeds": Number(320, 2),
        "gallery": Number(200, 4),
    },
    symmetric=True,
    direction="similarity",
    range=(0, 1),
    source="Maniparambil et al. 2024; Vogelstein et al. 2015; Fishkind et al. 2019",
    null=exact,
    invariances=EUCLIDEAN,
)
def matching(left: Kernels, right: Kernels, fit: Fit, *, method: str, seeds: int, gallery: int) -> Scores:
    """Matching without a map: share of samples paired rightly from similarities within each representation and seeds.

    qap: pairing P that maximises tr(K P L P') with the seeds fixed, K and L the centred linear Grams; local_cka:
    assignment that maximises Σ CKA(seeds and x_i, seeds and y_P(i))

    The `seeds` are known pairs of one half, drawn by the seed (all if there are fewer); m, at most `gallery`, samples
    of the other half are to be paired. ``qap`` is solved approximately (FAQ): the optimum may be better. Queries of Y
    are shuffled first, so that a tie, such as that of two copies of a sample, does not favour the truth. Chance is
    1/m, and exact: a random pairing gets one sample right on average, with variance one. On a part of the samples it
    is the share of those that the pairing of all m gets right; the error takes that pairing as given.

    Misleads by its size: the fewer the samples to be told apart, the easier; compare scores of the same `gallery` and
    `seeds` only. A near miss counts as a miss.
    """
    shown = right.order
    query = Kernels(
        right.seeds, right.across[shown], right.queries[np.ix_(shown, shown)], np.arange(len(shown))
    )
    if method == "qap":
        found = _quadratic(left, query)
    else:
        found = linear_sum_assignment(local_cka(left, query), maximize=True)[1]
    right_ones = shown[found] == np.arange(len(found))
    inside = fit.held.inside
    return Scores(
        fit.held.means(right_ones.astype(np.float64)),
        lambda s: replace(linear(np.diag(inside[s] / inside[s].sum())), step=1 / inside[s].sum()),
    )
