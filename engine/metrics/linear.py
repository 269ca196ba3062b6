"""What the first-order metrics share: covariances of a subset of rows, and their eigendecomposition."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch


def centred(z: np.ndarray) -> np.ndarray:
    """Xc'Yc from Z_x'Z_y with Z = [1, ‖x‖², x], (d1, d2)."""
    return z[2:, 2:] - np.outer(z[2:, 0], z[0, 2:]) / z[0, 0]


@dataclass(frozen=True)
class Own:
    """One representation on one subset: its Gram matrix over units, Xc'Xc (d, d), and n."""

    gram: np.ndarray
    n: int

    @property
    def trace(self) -> float:
        """‖Xc‖², the total variance times n."""
        return float(np.trace(self.gram))

    @cached_property
    def eigen(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues, largest first, and eigenvectors in columns; those that are zero but for rounding left out."""
        values, vectors = torch.linalg.eigh(torch.from_numpy(self.gram))
        values, vectors = values.flip(0).numpy(), vectors.flip(1).numpy()
        floor = values[0] * max(self.n, len(values)) * np.finfo(np.float64).eps
        keep = values > floor
        return values[keep], np.ascontiguousarray(vectors[:, keep])


def singular_values(matrix: np.ndarray) -> np.ndarray:
    """Largest first, float64."""
    return torch.linalg.svdvals(torch.from_numpy(np.ascontiguousarray(matrix))).numpy()


def svd(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left singular vectors (in columns) and singular values, largest first."""
    u, s, _ = torch.linalg.svd(torch.from_numpy(np.ascontiguousarray(matrix)), full_matrices=False)
    return u.numpy(), s.numpy()
