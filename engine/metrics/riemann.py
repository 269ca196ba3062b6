"""Distance on the manifold of positive definite matrices."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from consilience.engine.costs.work import EIGEN
from consilience.engine.metrics.linear import Cross, Own
from consilience.engine.metrics.registry import Number, Work, register


@dataclass(frozen=True)
class Shrunk:
    """A second-moment matrix over n conditions, `floor` (1 + PP') with P = Xc `basis` and P'P = diag(`values`)."""

    floor: float
    basis: np.ndarray
    values: np.ndarray
    n: int


def _factor(own: Own, shrinkage: float) -> Shrunk:
    values, vectors = own.eigen
    d = len(own.gram)
    floor = shrinkage * values.sum() / (d * own.n)
    scale = (1 - shrinkage) / (d * floor) if floor else 0.0
    return Shrunk(floor / own.scale**2, vectors * np.sqrt(scale), values * scale, own.n)


def _spectrum(left: Shrunk, right: Shrunk, cross: Cross) -> np.ndarray:
    """The eigenvalues of (1 + PP')⁻¹(1 + QQ'), but for those that are 1 on the conditions that neither spans.

    With W = [P, Q] and J = diag(-1, 1) it is 1 + (1 + PP')⁻¹ W J W', and its eigenvalues are those of 1 + R J R'
    for R'R = W'(1 + PP')⁻¹W, which holds nothing but P'P, P'Q and Q'Q.
    """
    p, q = left.values, right.values
    c = cross.between(left.basis, right.basis)
    shrunk = c / (1 + p)[:, None]
    inner = np.block([[np.diag(p / (1 + p)), shrunk], [shrunk.T, np.diag(q) - c.T @ shrunk]])
    root = _root(inner, (1 + q.max()) * len(inner) * np.finfo(np.float64).eps, cross.precise)
    less, more = root[: len(p)], root[len(p) :]
    found = 1 + np.linalg.eigvalsh(more.T @ more - less.T @ less)
    return np.clip(found, 1 / (1 + p.max()), 1 + q.max())  # between these they lie; rounding may pass them


def _root(matrix: np.ndarray, rounding: float, precise: bool) -> np.ndarray:
    """R' of R'R = `matrix`, but for what is zero but for `rounding`.

    What the spans share leaves such zeros, of which a root would make 1e-8. Where that does no harm the factor of
    Cholesky is one, in a tenth of the time.
    """
    if not precise:
        shifted = matrix + rounding * np.eye(len(matrix))
        factor, failed = lapack.dpotrf(shifted, lower=1, clean=1, overwrite_a=1)
        if not failed:
            return np.asarray(factor)
    values, vectors = np.linalg.eigh(matrix)
    keep = values > rounding
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))


@register(
    "riemann",
    needs="moments",
    factor=_factor,
    work=Work(own=EIGEN, maps=4.0, pair=56.0, precise=120.0),
    parameters={"shrinkage": Number(0.1, 1e-3, 1.0)},
    symmetric=True,
    direction="distance",
    range=(0, None),
    source="Shahbazi et al. 2021",
    best=0.0,
    invariances=("permutation", "rotation", "translation"),
)
def riemann(left: Shrunk, right: Shrunk, cross: Cross, *, shrinkage: float) -> float:
    """Affine-invariant Riemannian distance of second-moment matrices over conditions.

    ‖log(A^-½ B A^-½)‖_F, A = (1 - s) G + s tr(G)/n 1 with G = XcXc'/d (n, n), B of Y alike, s the `shrinkage`

    The scale of the features is kept: of X and cX it is 2 sqrt(n) |log c|. It grows with n, so compare at one n. No
    (n, n) matrix is made: outside the conditions' span of Xc and Yc both matrices are multiples of the identity.

    Misleads where the shrinkage decides: with few units every small eigenvalue is the shrinkage's, not the data's.
    """
    if not min(left.floor, right.floor) > 0:
        return np.nan  # one of them does not vary, and its matrix has no inverse
    ratio = np.log(right.floor / left.floor)
    logs = ratio + np.log(_spectrum(left, right, cross))
    return float(np.sqrt((logs**2).sum() + (left.n - len(logs)) * ratio**2))
