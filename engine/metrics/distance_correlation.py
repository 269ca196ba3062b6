"""Distance correlation."""

import numpy as np

from consilience.engine.inference.null import Null
from consilience.engine.metrics.hsic import Hsic, measured
from consilience.engine.metrics.registry import EUCLIDEAN, register
from consilience.engine.passes.sums import Sums


def null(s: Sums | Hsic) -> Null:
    """Exact mean and variance under permutation of the samples: those of unbiased CKA, on distances."""
    found = s if isinstance(s, Hsic) else measured(s, "unbiased", at=(0,))
    return found.moments[0].scaled(found.unit[0])


@register(
    "distance_correlation",
    needs="sums",
    space=lambda: "rdm-distance",
    part=lambda s, at: measured(s, "unbiased", at),
    sampled=True,
    symmetric=True,
    direction="similarity",
    range=(-1, 1),
    source="Székely and Rizzo 2014",
    null=null,
    invariances=EUCLIDEAN,
)
def distance_correlation(s: Sums | Hsic) -> np.ndarray:
    """Squared distance correlation, bias-corrected.

    Σ_{i≠j} A_ij B_ij / sqrt(Σ A_ij² Σ B_ij²), A, B the U-centred matrices of Euclidean distances

    It is unbiased CKA with the distance in place of the kernel, and is 0 on average for independent samples.

    The distances of an RDM are the roots of its entries.

    Misleads where a few units carry most of the distances, as CKA does. It sees dependence of any form, so a high
    score does not say that a linear map exists.
    """
    found = s if isinstance(s, Hsic) else measured(s, "unbiased")
    return found.value / found.unit
