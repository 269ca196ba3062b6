"""Over how many directions the variance of one representation is spread."""

from typing import Any

import numpy as np

from consilience.engine.metrics.linear import Own
from consilience.engine.metrics.registry import EUCLIDEAN, register

SPREAD: dict[str, Any] = {  # what both declare alike
    "needs": "covariance",
    "range": (1, None),
    "undefined": "no unit varies",
    "invariances": EUCLIDEAN,
}


@register(
    "participation_ratio",
    source="Gao and Ganguli 2015; Gao et al. 2017",
    **SPREAD,
)
def participation_ratio(own: Own) -> float:
    """Participation ratio.

    (Σ λ_i)² / Σ λ_i², λ_i the eigenvalues of the covariance

    k equal eigenvalues give k, and no more than min(units, samples - 1) differ from 0.

    Misleads with few samples: no more than samples - 1 eigenvalues differ from 0, and it is too small. A unit of large
    variance alone brings it near 1, whatever the others hold.
    """
    return float(own.trace**2 / (own.gram**2).sum())


@register(
    "effective_rank",
    source="Roy and Vetterli 2007",
    **SPREAD,
)
def effective_rank(own: Own) -> float:
    """Effective rank.

    exp(-Σ p_i log p_i), p_i = σ_i / Σ σ_j, σ_i the singular values of the centred X

    k equal singular values give k, and no more than min(units, samples - 1) differ from 0. Small directions weigh more
    than in `participation_ratio`, and it is never below that. Singular values that the rounding of X'X hides, below
    sqrt(max(n, d) 2e-16) of the largest, do not count.

    Misleads with few samples, of which it finds no more than samples - 1 directions; with many, noise in all units
    counts as so many directions.
    """
    sigma = np.sqrt(own.eigenvalues)
    share = sigma / sigma.sum()
    return float(np.exp(-(share * np.log(share)).sum())) if len(share) else float("nan")
