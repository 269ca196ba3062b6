"""CKA restricted to nearest neighbours."""

import numpy as np
from scipy import sparse

from consilience.engine.metrics.registry import Number, Work, register
from consilience.engine.passes.neighbours import NeighbourLists


def _matrices(view: NeighbourLists) -> list[tuple[sparse.csr_array, sparse.csr_array]]:
    """For each representation the neighbour mask, and the inner products under it, (m, m)."""
    assert view.values is not None
    m = view.lists.shape[1]
    found = []
    for lists, values in zip(view.lists, view.values):
        i, at = np.nonzero(lists >= 0)
        where = (i, lists[i, at])
        mask = sparse.csr_array((np.ones(len(i)), where), shape=(m, m))
        found.append((mask, sparse.csr_array((values[i, at], where), shape=(m, m))))
    return found


def _hsic(k: sparse.csr_array, l: sparse.csr_array) -> float:
    """tr(KL) + 1'K1 1'L1/((n-1)(n-2)) - 2/(n-2) 1'KL1: unbiased HSIC of matrices without diagonals, times n(n-3)."""
    n = k.shape[0]
    rows = k.sum(axis=0) @ l.sum(axis=1)
    return float((k * l.T).sum() + k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 * rows / (n - 2))


@register(
    "cknna",
    needs="neighbours",
    work=lambda k: Work(entry=55.0 * k),
    space=lambda k: "inner",
    values=True,
    parameters={"k": Number(10, 1)},
    symmetric=False,
    direction="similarity",
    range=(None, None),
    source="Huh et al. 2024",
    invariances=("permutation", "rotation", "scaling"),
)
def cknna(left: NeighbourLists, right: NeighbourLists, *, k: int) -> np.ndarray:
    """Centred kernel nearest-neighbour alignment.

    HSIC(M∘K, M∘L) / sqrt(HSIC(M_K∘K, M_K∘K) HSIC(M_L∘L, M_L∘L)), M = M_K∘M_L, unbiased HSIC

    M_K marks the k largest inner products of each row; those of an RDM D are -1/2 J D J. It is not symmetric, so that
    the two directions of a pair can differ in the last term, by little. The numerator counts fewer pairs than the self
    terms: the ratio is no cosine, and may be above 1.

    Misleads where k is small: the few pairs that count make it noisy. With k = n - 1 it is unbiased CKA with its
    weaknesses.
    """
    a, b = _matrices(left), _matrices(right)
    own = [np.sqrt(h) if h > 0 else np.nan for h in (_hsic(s, s) for _, s in a)]
    other = [np.sqrt(h) if h > 0 else np.nan for h in (_hsic(s, s) for _, s in b)]
    values = [[_hsic(s * mask_r, r * mask_s) for mask_r, r in b] for mask_s, s in a]
    return np.array(values) / np.multiply.outer(own, other)
