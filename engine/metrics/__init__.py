"""The metrics, one file each: formula, source, the statistic it needs, and the few lines that finish it.

A metric is a registered pure function. What it gets depends on the statistic it needs:

- ``sums``: `Sums` over S row subsets -> (S, R, R) scores of all pairs.
- ``classes``, ``batches``: `Hsic` summed over classes or batches -> (S, R, R) scores.
- ``neighbours``: two `NeighbourLists` -> (R, R) scores.
- ``unions``: two `Side` of some samples -> (R, R) sums of their scores.
- ``triangles``: two `Triangles` -> one score.
- ``moments``: what its `factor` made of each side, and the `Cross` of the two -> one score.
- ``held_out``: what its `factor` made of each side, and the `Fit` of the two -> `Scores` on every subset.

The space of sums and neighbours is of inner products as they are, ``inner``, or about an origin that the pass chooses,
``linear``: that is cheaper, and for what is centred afterwards; of ``cosine`` or ``correlation``; of dissimilarities
``rdm-euclidean`` (squared), ``rdm-distance``, ``rdm-cosine`` or ``rdm-correlation``, and of the ranks of those,
``rdm-cosine/ranks``; or of a Gaussian kernel, ``rbf-1``, with its width in median distances.

A metric of one representation, alone:

- ``covariance``: its `Own` -> one score.
- ``means``: its `Means` -> one score.
- ``directions``: the means over pairs of samples of 1 - exp(-2 ‖x_i/‖x_i‖ - x_j/‖x_j‖‖²), (S, R) -> as many scores.
- ``distances``: (m, k) distances of m samples, those without copies, to their k nearest neighbours -> one score.
- ``probe``: features (m, d) of train samples and what is to be predicted of them (m,) -> what has `predict`.
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
    second_order_cosine,
    single_dimension,
    single_directions,
    single_probe,
    single_spectrum,
    stitch,
    subspace,
    units,
)  # fmt: skip
from consilience.engine.metrics.registry import (
    Choice,
    Metric,
    Number,
    Request,
    canonical,
    metrics,
    parse,
    register,
)

__all__ = [
    "Choice", "Metric", "Number", "Request", "canonical", "cca", "cka", "cknna", "distance_correlation", "knn",
    "knn_cycle", "knn_order", "linreg", "matching", "metrics", "mnn", "parse", "procrustes", "register", "relative",
    "riemann", "rsa", "second_order_cosine", "single_dimension", "single_directions", "single_probe", "single_spectrum",
    "stitch", "subspace", "units",
]  # fmt: skip
