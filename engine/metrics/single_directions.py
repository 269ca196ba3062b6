"""Where the samples of one representation point: the cone they fill, and how evenly they fill it."""

import numpy as np

from consilience.engine.metrics.registry import register
from consilience.engine.passes.rows import Means

NO_DIRECTION = "samples of zeros, which have no direction"


@register(
    "magnitude",
    needs="means",
    range=(0, None),
    source="Wang et al. 2020 (network embedding); Klabunde et al. 2025",
    invariances=("permutation", "rotation"),
)
def magnitude(means: Means) -> float:
    """Magnitude of the mean.

    ‖m‖, m = mean over i of x_i

    In the units of the features.

    Misleads where the true mean is 0: it is above 0 by chance, and its interval means little. Between models it tells
    of the scale of their features first.
    """
    return means.length


@register(
    "concentricity",
    needs="means",
    range=(-1, 1),
    source="Wang et al. 2020 (network embedding); Klabunde et al. 2025",
    undefined="the mean is zero but for rounding, and has no direction",
    leaves_out=NO_DIRECTION,
    invariances=("permutation", "rotation", "scaling"),
)
def concentricity(means: Means) -> float:
    """Concentricity.

    mean over i of cos(x_i, mean of x)

    1 where all samples point the same way. Samples of zeros, which have no direction, count in the mean alone.

    Misleads where few units are far from 0 in all samples: they make every cosine 1, and hide what tells samples apart.
    """
    if means.length <= means.rounding:
        return float("nan")
    return float(means.direction @ (means.mean / means.length))


@register(
    "uniformity",
    needs="directions",
    range=(-8, 0),
    source="Wang and Isola 2020",
    undefined="fewer than two samples have a direction",
    leaves_out=NO_DIRECTION,
    invariances=("permutation", "rotation", "scaling"),
)
def uniformity(apart: np.ndarray) -> np.ndarray:
    """Uniformity.

    log mean over i ≠ j of exp(-2 ‖x_i/‖x_i‖ - x_j/‖x_j‖‖²)

    0 where all samples point the same way, and about -4 where they fill a sphere of many dimensions evenly: the lower,
    the more uniform. Samples of zeros, which have no direction, are left out.

    Misleads where few units are far from 0 in all samples: it is near 0, however even the samples lie in the others.
    """
    return np.log1p(-apart)
