"""Ridge maps of many penalties as sums of few: 1 / (λ + α) over eigenvalues λ hardly differs from penalty to penalty.

For K penalties the curves 1 / (λ + α_k) are sums Σ_m a_km u_m(λ) of M <= K functions u_m, to a relative error that is
below the digits of the maps. So w_k'S w_k = Σ a_km a_kn (u_m c)'S (u_n c): M products with S in place of K.
"""

from dataclasses import dataclass

import numpy as np
import torch

ERROR = {
    np.dtype(np.float32): 5e-6,
    np.dtype(np.float64): 1e-14,
}  # of a curve, relative; of scores it is the square


@dataclass(frozen=True)
class Curves:
    """`shapes` (r, M): the functions at every eigenvalue. `weights` (K, M): how much of each is in a penalty's curve.
    `whole` (r, K): the curves themselves."""

    shapes: torch.Tensor
    weights: np.ndarray
    whole: torch.Tensor


def curves(
    values: np.ndarray, penalties: np.ndarray, error: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shapes, weights and whole curves of eigenvalues (r,): as few functions as leave a relative error of `error`.

    They are the leading singular vectors of the curves, each curve of one size and each eigenvalue of one weight, so
    that the error is relative everywhere; being orthogonal, they do not cancel each other.
    """
    whole = 1 / (values[:, None] + penalties)
    level = np.exp(np.log(whole).mean(axis=1, keepdims=True))
    even = whole / level
    size = np.linalg.norm(even, axis=0)
    u, s, v = np.linalg.svd(even / size, full_matrices=False)
    m, weights = 0, np.zeros((len(penalties), 0))  # of no eigenvalue there is no curve
    for m in range(1, len(s) + 1):
        weights = (s[:m, None] * v[:m] * size).T
        if m == len(s) or np.abs(u[:, :m] @ weights.T / even - 1).max() <= error:
            break
    return u[:, :m] * level, weights, whole
