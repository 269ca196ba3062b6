"""How many numbers a sample is placed by, told from the distances to its nearest neighbours."""

import numpy as np

from consilience.engine.metrics.registry import EUCLIDEAN, Choice, Number, register

KEPT = 9, 10  # of the ratios, the smallest: the largest stray furthest from the line


def two_nn(distances: np.ndarray) -> float:
    """Slope of -log(1 - F) over log μ through the origin, μ (m,) the ratios of the second distance to the first."""
    ratios = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    m = len(ratios)
    x = ratios[: m * KEPT[0] // KEPT[1]]
    y = -np.log1p(-np.arange(1, len(x) + 1) / m)
    return float(x @ y / (x @ x))


def maximum_likelihood(distances: np.ndarray) -> float:
    """1 / mean of log(T_k / T_j) over all samples and all j < k."""
    return float(1 / np.log(distances[:, -1:] / distances[:, :-1]).mean())


@register(
    "intrinsic_dimension",
    needs="distances",
    nearest=lambda method, k=2: k,
    parameters={"method": Choice(("two_nn", "mle")), "k": Number(10, 2)},
    only={"k": ("method", "mle")},
    range=(0, None),
    source="Facco et al. 2017 (two_nn); Levina and Bickel 2004, MacKay and Ghahramani 2005 (mle)",
    undefined="the distances of samples to their neighbours do not differ, or almost all samples are copies",
    leaves_out="copies of another sample",
    invariances=EUCLIDEAN,
)
def intrinsic_dimension(distances: np.ndarray, *, method: str, k: int = 2) -> float:
    """Intrinsic dimension.

    two_nn: slope of -log(1 - F(μ)) over log μ through the origin, μ_i = T_2(x_i) / T_1(x_i), F their distribution, the
    largest 10 % discarded; mle: 1 / mean over i and j < k of log(T_k(x_i) / T_j(x_i)); T_j the Euclidean distance to
    the j-th neighbour

    mle averages the inverse of the estimates of single samples (MacKay and Ghahramani), which removes most of the bias
    of averaging the estimates. A sample whose nearest neighbour is at distance 0 is left out, and counted.

    Misleads where the dimension is high for so few samples: both methods are too small then. They tell the dimension
    at the scale of the neighbours, which shrinks as samples are added, down to that of the noise.
    """
    return two_nn(distances) if method == "two_nn" else maximum_likelihood(distances)
