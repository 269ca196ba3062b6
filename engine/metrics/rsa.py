"""Representational similarity analysis."""

from dataclasses import dataclass

import numpy as np

from consilience.engine.inference.matrix_null import centred_gram, upper_triangle
from consilience.engine.inference.null import Null
from consilience.engine.metrics.hsic import hsic, normaliser
from consilience.engine.metrics.registry import EUCLIDEAN, Choice, register
from consilience.engine.passes.sums import Sums
from consilience.engine.passes.triangles import Triangles

RANKED = ("spearman", "rho_a")
TIES_COUNT = ("rho_a", "kendall")  # against a matrix: compared with itself it scores less than 1


@dataclass(frozen=True)
class Entries:
    """Sums over the entries of RDMs, within batches of samples that are permuted apart; as in `Sums`, with S = 1."""

    entries: np.ndarray
    cross: np.ndarray
    total: np.ndarray
    moments: Null
    rounding: np.ndarray

    def __add__(self, other: "Entries") -> "Entries":
        return Entries(
            self.entries + other.entries, self.cross + other.cross, self.total + other.total,
            self.moments + other.moments, self.rounding + other.rounding,
        )  # fmt: skip


def _products(s: Sums | Entries, compare: str) -> np.ndarray:
    """What `compare` sums over the pairs of samples of two RDMs, (S, R, R), up to a factor common to all."""
    if compare == "cosine":
        return s.cross
    if compare == "whitened_cosine":
        assert isinstance(s, Sums)
        return hsic(s, "biased")
    with np.errstate(divide="ignore", invalid="ignore"):
        return s.cross - s.total[:, :, None] * s.total[:, None, :] / s.entries[:, None, None]


def _unit(s: Sums | Entries, products: np.ndarray, compare: str) -> np.ndarray:
    """What the products of all pairs are divided by."""
    if compare != "rho_a":
        return normaliser(products, 0.0 if s.rounding is None else s.rounding)
    if isinstance(s, Sums) and s.untied is not None:
        shares = s.untied[:, None] * s.untied
        # Where all entries are tied the products are 0 whatever they are divided by.
        return np.where(shares > 0, normaliser(products) / np.sqrt(np.where(shares > 0, shares, 1.0)), 1.0)
    return _of_untied(s, products)


def _of_untied(s: Sums | Entries, products: np.ndarray) -> np.ndarray:
    """The products of ranks without ties, of which there are as many as entries."""
    entries = (s.entries / 2)[:, None, None]
    # The ranks are counted in units of their number, and every pair of samples twice.
    return np.broadcast_to((entries**2 - 1) / (6 * entries), products.shape)


def untied(s: Sums) -> np.ndarray:
    """The share (R,) of the variance of ranks among all samples that their ties leave; `s` is of ranks, with S = 1."""
    products = _products(s, "rho_a")
    return np.diagonal(products / _of_untied(s, products), axis1=1, axis2=2)[0]


def null(s: Sums | Entries, *, compare: str, rdm: str) -> Null:
    """Exact mean and variance under permutation of the samples of one RDM."""
    if isinstance(s, Entries):
        moments = s.moments
    else:
        moments = centred_gram(s) if compare == "whitened_cosine" else upper_triangle(s)
    if compare == "cosine":
        mean = np.multiply.outer(s.total[0], s.total[0]) / float(s.entries[0])
        moments = Null(moments.mean + mean, moments.sd, moments.skew)
    return moments.scaled(_unit(s, _products(s, compare), compare)[0])


def _invariances(rdm: str, compare: str) -> tuple[str, ...]:
    seen = {
        "euclidean": (),
        "crossnobis": (),
        "cosine": ("translation",),
        "correlation": ("translation", "rotation"),
    }[rdm]
    return tuple(i for i in EUCLIDEAN if i not in seen)


def _tau_a(left: np.ndarray, right: np.ndarray) -> float:
    """Concordant less discordant pairs of entries, over all pairs of entries; a tied pair is neither."""
    from scipy.stats import kendalltau

    untied = []
    for values in (left, right):
        repeats = np.unique(values, return_counts=True)[1].astype(np.float64)
        untied.append(1 - (repeats * (repeats - 1)).sum() / (len(values) * (len(values) - 1)))
    if min(untied) <= 0:
        return 0.0
    return float(kendalltau(left, right).statistic * np.sqrt(untied[0] * untied[1]))


@register(
    "rsa",
    needs=lambda rdm, compare: "triangles" if compare == "kendall" else "sums",
    space=lambda rdm, compare: f"rdm-{rdm}" + ("/ranks" if compare in RANKED else ""),
    parameters={
        "rdm": Choice(("correlation", "euclidean", "cosine", "crossnobis")),
        "compare": Choice(("spearman", "pearson", "cosine", "rho_a", "whitened_cosine", "kendall")),
    },
    symmetric=True,
    direction="similarity",
    range=(-1, 1),
    alike=lambda compare, **_: compare not in TIES_COUNT,
    source="Kriegeskorte et al. 2008; Nili et al. 2014; Diedrichsen et al. 2020",
    null=null,
    biased=lambda compare, **_: compare == "whitened_cosine",
    repeats=lambda rdm, **_: rdm == "crossnobis",
    part=lambda s, at, **_: Entries(s.entries, s.cross, s.total, upper_triangle(s), s.rounding),
    sampled=lambda compare, **_: compare in ("pearson", "cosine"),
    unsampled=lambda compare, **_: (
        "its bias is larger the fewer samples are compared"
        if compare == "whitened_cosine"
        else "ranks are those among all pairs of samples"
    ),
    invariances=_invariances,
)
def rsa(s: Sums | Entries | Triangles, *, compare: str, rdm: str) -> np.ndarray | float:
    """Representational similarity analysis.

    correlation of the upper triangles of the two representational dissimilarity matrices

    RDM entries are 1 - correlation over units, squared Euclidean distance, 1 - cosine, or ``crossnobis``: the mean
    over pairs of different repeats a ≠ b of (x_i^a - x_j^a)'(x_i^b - x_j^b), which noise that is independent between
    repeats does not raise; for features of shape (samples, repeats, units), whose mean is compared by all else.
    A row without a direction, of zeros or for ``correlation`` of one value, is at 1 from every other.
    ``spearman`` gives ties their mean rank, and ``rho_a`` is what it would be on average with ties broken at random,
    so that a matrix of many ties is not favoured. ``kendall`` is tau-a, as fair, for at most 1,024 samples.
    ``whitened_cosine`` allows for the covariance of entries that share a sample (Diedrichsen et al. 2020, independent
    noise): the cosine of the doubly centred matrices, on ``euclidean`` equal to biased linear CKA.

    An RDM that is given (`consilience.RDM`) is compared as it is, whatever `rdm` says of features.

    Misleads where a few pairs of samples are far from all others (``pearson``, ``cosine``), or where most
    dissimilarities are alike and their order is noise (``spearman``). ``correlation`` is blind to what all units do
    alike.
    """
    if isinstance(s, Triangles):
        return _tau_a(s.left, s.right)
    value = _products(s, compare)
    return value / _unit(s, value, compare)
