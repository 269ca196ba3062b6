"""Centred kernel alignment."""

import numpy as np

from consilience.engine.inference.null import Null
from consilience.engine.metrics.hsic import Hsic, measured
from consilience.engine.metrics.registry import EUCLIDEAN, Choice, Number, Range, register
from consilience.engine.passes.spaces import RBF
from consilience.engine.passes.sums import Sums

NEEDS = {"minibatch": "batches"}
UNSAMPLED = {
    "biased": "its bias is larger the fewer samples are compared",
    "unbiased_both": "its sums over single units are those of all samples",
}


def null(s: Sums | Hsic, *, estimator: str, **_: object) -> Null:
    """Exact mean and variance under permutation (Kazi-Aoual 1995); the denominator does not depend on it."""
    found = s if isinstance(s, Hsic) else measured(s, estimator, at=(0,))
    return found.moments[0].scaled(found.unit[0])


def _clash(kernel: str, estimator: str, by: str = "none", **_: object) -> tuple[str, str, str] | None:
    if estimator == "unbiased_both" and kernel != "linear":
        return (
            "kernel=linear with estimator=unbiased_both of 'cka'", f"kernel={kernel}",
            "the correction for recorded units is known for the linear kernel only: use estimator=unbiased",
        )  # fmt: skip
    if estimator == "minibatch" and by != "none":
        return (
            "either estimator=minibatch or by=label of 'cka'", "both",
            "leave one of the two out: a class is compared within itself, as a batch is",
        )  # fmt: skip
    return None


def _range(estimator: str, **_: object) -> Range:
    if estimator == "unbiased_both":
        return None, None
    return (0 if estimator == "biased" else -1), 1


@register(
    "cka",
    needs=lambda estimator, by="none", **_: "classes" if by == "label" else NEEDS.get(estimator, "sums"),
    space=lambda kernel, bandwidth=1.0, **_: kernel if kernel == "linear" else f"{RBF}{bandwidth:g}",
    part=lambda s, at, estimator, **_: measured(s, estimator, at),
    sampled=lambda estimator, by="none", **_: estimator == "unbiased" and by == "none",
    unsampled=lambda estimator, **_: UNSAMPLED.get(estimator, ""),
    units=lambda estimator, **_: estimator == "unbiased_both",
    parameters={
        "kernel": Choice(("linear", "rbf")),
        "estimator": Choice(("unbiased", "biased", "minibatch", "unbiased_both")),
        "bandwidth": Number(1.0, 1e-3, 1e3),
        "batch": Number(256, 8),
        "by": Choice(("none", "label")),
    },
    only={
        "bandwidth": ("kernel", "rbf"),
        "batch": ("estimator", "minibatch"),
        "by": ("by", "label"),
    },
    clash=_clash,
    symmetric=True,
    direction="similarity",
    range=_range,
    alike=lambda estimator, **_: estimator != "unbiased_both",
    source="Kornblith et al. 2019; Song et al. 2012; Nguyen et al. 2021; Chun et al. 2025",
    null=null,
    biased=lambda estimator, **_: estimator == "biased",
    undefined="a self term of the ratio is not positive: too few samples or units, or no variance left",
    invariances=lambda estimator, **_: (
        ("permutation", "scaling", "translation") if estimator == "unbiased_both" else EUCLIDEAN
    ),
)
def cka(s: Sums | Hsic, *, estimator: str, kernel: str, **_: object) -> np.ndarray:
    """Centred kernel alignment.

    HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), K = XX' and L = YY'; rbf: K_ij = exp(-‖x_i - x_j‖² / 2σ²)

    The unbiased estimate of HSIC removes the bias that makes wide representations of few samples look alike. σ is
    `bandwidth` times the median distance of two samples, of all pairs among at most 1,024 samples drawn by the seed.

    ``minibatch`` is the unbiased HSIC averaged over random batches of at most `batch` samples, before the ratio is
    taken: its cost grows with n, not n². ``unbiased_both`` allows for having recorded some units of a population only:
    each self term becomes (HSIC(K, K) - Σ_j HSIC(k_j, k_j)) p / (p - 1), k_j the Gram matrix of unit j alone, p units.
    With itself a representation then scores above 1, because both sides hold the same units. ``by=label`` sums the
    HSICs over classes, rows of one class at a time; a class with fewer than 4 samples in a subset adds nothing to it.

    An RDM is read as squared distances D: K = -1/2 J D J, and rbf of the distances. Of one that no features have, the
    biased estimate may be below 0.

    Misleads where a few units or directions carry most of the variance, as outlier units of language models do: it
    then compares those alone. A high score does not say that one side can be predicted from the other in its weaker
    directions. ``biased`` is high for any two representations with more units than samples.
    """
    found = s if isinstance(s, Hsic) else measured(s, estimator)
    return found.value / found.unit
