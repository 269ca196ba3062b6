"""What the steps share that map d units to fewer: one matrix product a block, about an origin."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from consilience.engine.linalg import product


@dataclass(frozen=True)
class Affine:
    """x -> (x - origin) matrix + image: origin (d,), matrix (d, k), image (k,).

    The product is made in the dtype of the block; about an origin near the mean it loses no digits to a large one.
    """

    origin: np.ndarray
    matrix: np.ndarray
    image: np.ndarray

    @cached_property
    def _single(self) -> np.ndarray:
        return self.matrix.astype(np.float32)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """A block of rows (m, d) as (m, k)."""
        matrix = self._single if x.dtype == np.float32 else self.matrix
        shifted = np.subtract(x, self.origin, out=np.empty(x.shape, x.dtype), casting="same_kind")
        return product(torch.from_numpy(shifted), torch.from_numpy(matrix)).numpy() + self.image
