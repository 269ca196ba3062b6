"""Rows in few digits, and what is made of their products: quick where the processor multiplies short numbers faster."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from consilience.engine.features.representation import Representation
from consilience.engine.linalg import low_product
from consilience.engine.passes.blocks import FRAME_ROWS

STEPS = 127  # of 8 bits, on either side of 0
SIGMAS = 5.0  # rounding errors of a row add up to less than so many times what is typical
APART, MOST_APART = 4.0, 16  # units that vary so many times as much as the median one are kept, but no more
PRODUCT_ROWS = 256  # of a product at a time: it stays in the cache until it is finished
LEAST_UNITS, MOST_UNITS = 64, 2**17  # fewer are not worth it; sums of more products overflow 32 bits


class Low(Protocol):
    """The rows of one representation in few digits: in a form that can be sliced, and multiplied."""

    def rows(self, x: torch.Tensor) -> Any:
        """Those of rows (m, d) in float32, which may be used up."""

    def product(self, x: Any, y: Any, out: torch.Tensor) -> None:
        """What is made of every row of x with every row of y, in `out` (m_x, m_y), float32."""


@dataclass(frozen=True)
class Bfloat16:
    """Inner products of the rows rounded to bfloat16."""

    def rows(self, x: torch.Tensor) -> torch.Tensor:
        return x.bfloat16()

    def product(self, x: torch.Tensor, y: torch.Tensor, out: torch.Tensor) -> None:
        low_product(x, y.T, out)


@dataclass(frozen=True)
class Digits:
    """m rows: integers `q` (m, d) of 8 bits, in units of `step` (m,), and columns (m, K) of what is added to their
    products, one set for either side. On a GPU `q` is in bfloat16."""

    q: torch.Tensor
    step: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor

    def __getitem__(self, rows: slice) -> "Digits":
        return Digits(self.q[rows], self.step[rows], self.left[rows], self.right[rows])


@dataclass(frozen=True)
class HighestCosines:
    """The most that the cosine of two rows can be, from products of their digits.

    Of directions u_i with mean m, the differences a_i = u_i - m are rounded to step_i q_i = a_i - e_i, but for the
    units o_i that vary most. So neither a direction common to all rows nor outlier units cost digits. With
    c_i = a_i'm + m'm/2

        u_i'u_j = step_i step_j q_i'q_j + o_i'o_j + c_i + c_j + (a_i'e_j + e_i'a_j - e_i'e_j),

    and the last term is taken to be at most 5 (‖a_i‖ ‖e_j‖ + ‖e_i‖ ‖a_j‖) / √d + ‖e_i‖ ‖e_j‖, with its typical ‖e_i‖:
    step_i √(d/12). Rounding errors of different units are as good as independent, and typically add up to a seventh.

    Attributes:
        mean: (d,) m. apart: the numbers of the units in o.
    """

    mean: np.ndarray
    apart: np.ndarray

    def rows(self, x: torch.Tensor) -> Digits:
        """Those of rows of length 1, which are used up."""
        d = x.shape[1]
        mean = torch.from_numpy(self.mean).to(x.device)
        x.sub_(mean)
        constant = torch.mv(x, mean).add_(torch.dot(mean, mean) / 2)
        apart = torch.from_numpy(self.apart).to(x.device)
        kept = x[:, apart]
        x[:, apart] = 0
        length = torch.linalg.vector_norm(x, dim=1)
        if x.device.type == "cpu":
            step = torch.maximum(x.amax(dim=1), x.amin(dim=1).neg_()).div_(STEPS)
            error = step * (d / 12) ** 0.5
            x.mul_(torch.where(step > 0, step, torch.inf).reciprocal_()[:, None])
            q = x.round_().to(torch.int8)
        else:
            step, error, q = torch.ones_like(length), length * 2.0**-9, x.bfloat16()
        one, spread = torch.ones_like(constant), SIGMAS / d**0.5
        left, right = (
            torch.cat([torch.stack(columns, dim=1), kept], dim=1)
            for columns in (
                (constant, one, length, error, error),
                (one, constant, spread * error, spread * length, error),
            )
        )
        return Digits(q, step, left, right)

    def product(self, x: Digits, y: Digits, out: torch.Tensor) -> None:
        sums = torch.empty(min(PRODUCT_ROWS, len(out)), out.shape[1], dtype=torch.int32)
        for start in range(0, len(out), PRODUCT_ROWS):
            rows = slice(start, start + PRODUCT_ROWS)
            part, some = out[rows], x[rows]
            low_product(some.q, y.q.T, part, sums[: len(part)])
            part.mul_(some.step[:, None]).mul_(y.step).addmm_(some.left, y.right.T)


def highest_cosines(r: Representation) -> HighestCosines | None:
    """From at most 256 rows, evenly spaced; None where few digits do not pay, or rows are not at hand to look again."""
    if r.rdm or not r.at_hand or not LEAST_UNITS <= r.d < MOST_UNITS:
        return None
    x = r.take(np.unique(np.linspace(0, r.n - 1, min(r.n, FRAME_ROWS)).astype(np.int64))).astype(np.float64)
    largest = np.abs(x).max(axis=1, keepdims=True)
    x /= np.where(largest > 0, largest, 1)  # squares of 1e200 would overflow
    length = np.linalg.norm(x, axis=1, keepdims=True)
    x /= np.where(length > 0, length, 1)
    mean = x.mean(axis=0).astype(np.float32)
    variation = np.sqrt(((x - mean) ** 2).mean(axis=0))
    most = np.argsort(-variation, kind="stable")[:MOST_APART]
    return HighestCosines(mean, most[variation[most] > APART * np.median(variation)])
