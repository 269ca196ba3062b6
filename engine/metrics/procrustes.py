"""Shape distances."""

import numpy as np

from consilience.engine.costs.work import EIGEN, SPECTRUM
from consilience.engine.metrics.linear import Cross, Own
from consilience.engine.metrics.registry import EUCLIDEAN, INVARIANCES, Choice, Number, Work, register

Factor = tuple[np.ndarray | None, float]


def _factor(own: Own, whiten: float, form: str = "") -> Factor:
    """The map of Xc, which is (1 - α) (Xu'Xu)^-½ + α for Xu = Xc / ‖Xc‖ (None: none), and the norm of what it gives."""
    if whiten == 1:
        return None, np.sqrt(own.trace)
    values, vectors = own.eigen
    stretch = (1 - whiten) / np.sqrt(values / own.trace) + whiten
    return (vectors * stretch) @ vectors.T, float(np.sqrt((values * stretch**2).sum()))


def nuclear_cosine(left: Factor, right: Factor, cross: Cross) -> float:
    """‖X'Y‖_* / (‖X‖ ‖Y‖), at most 1; NaN where one of them does not vary."""
    size = left[1] * right[1]
    return min(float(cross.singular_values(left[0], right[0]).sum()) / size, 1.0) if size > 0 else np.nan


@register(
    "procrustes",
    needs="moments",
    factor=_factor,
    work=lambda form, whiten: (
        SPECTRUM if whiten == 1 else Work(own=EIGEN + 2, maps=4.0, pair=6.0, precise=11.0)
    ),
    parameters={"form": Choice(("angular", "squared")), "whiten": Number(1.0, 0.0, 1.0)},
    symmetric=True,
    biased=True,
    direction="distance",
    range=lambda form, whiten: (0, 2 if form == "squared" else np.pi / 2),
    source="Williams et al. 2021",
    best=0.0,
    invariances=lambda form, whiten: INVARIANCES if whiten == 0 else EUCLIDEAN,
)
def procrustes(left: Factor, right: Factor, cross: Cross, *, form: str, whiten: float) -> float:
    """Procrustes distance after the best rotation.

    squared: ‖X‖² + ‖Y‖² - 2 ‖X'Y‖_* of centred X, Y of unit norm; angular: arccos of ‖X'Y‖_*

    `whiten` = α maps X of unit norm to X((1 - α)(X'X)^-½ + α) first; 1 leaves it, 0 whitens it.

    Misleads where few units dominate, as CKA does. It is a distance between arrangements, so two spaces that hold the
    same information in other proportions are apart. It falls with more units than samples, for all can then be
    rotated to fit.
    """
    cosine = nuclear_cosine(left, right, cross)
    return float(np.arccos(cosine)) if form == "angular" else 2 - 2 * cosine


@register(
    "bures",
    needs="moments",
    factor=lambda own: _factor(own, 1.0),
    symmetric=True,
    biased=True,
    direction="similarity",
    range=(0, 1),
    source="Harvey et al. 2024",
    invariances=EUCLIDEAN,
)
def bures(left: Factor, right: Factor, cross: Cross) -> float:
    """Normalised Bures similarity.

    ‖X'Y‖_* / (‖X‖ ‖Y‖) of centred X, Y: the cosine of the angular Procrustes distance

    Misleads where few units dominate, as CKA does; with more units than samples it is high for unrelated
    representations.
    """
    return nuclear_cosine(left, right, cross)
