"""The metrics, one file each: formula, source, the statistic it needs, and the few lines that finish it.

A metric is a registered pure function. What it gets depends on the statistic it needs:

- ``sums``: `Sums` over S row subsets -> (S, R, R) scores of all pairs.
- ``neighbours``: two `NeighbourLists` -> (R, R) scores.
- ``moments``: what its `factor` made of each side, and the `Cross` of the two -> one score.
- ``held_out``: what its `factor` made of each side, and the `Fit` of the two -> `Scores` on every subset.
"""

from consilience.engine.metrics import (
    cca,
    cka,
    cknna,
    distance_correlation,
    knn,
    knn_cycle,
    knn_order,
    linreg,
    matching,
    mnn,
    procrustes,
    relative,
    riemann,
    rsa,
    stitch,
    subspace,
    units,
)  # fmt: skip
from consilience.engine.metrics.registry import Metric, Request, canonical, metrics, parse, register

__all__ = [
    "Metric", "Request", "canonical", "cca", "cka", "cknna", "distance_correlation", "knn", "knn_cycle", "knn_order",
    "linreg", "matching", "metrics", "mnn", "parse", "procrustes", "register", "relative", "riemann", "rsa", "stitch",
    "subspace", "units",
]  # fmt: skip
