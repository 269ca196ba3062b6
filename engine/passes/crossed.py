"""Products of all representations with all others, or of some of them with all others."""

from collections.abc import Callable, Sequence

import torch

# Entries of a long row that are summed up in its own precision: what is left of cancelling needs digits.
PIECE = 2**13


def products(x: torch.Tensor, y: torch.Tensor, lefts: Sequence[int] | None) -> torch.Tensor:
    """x_a'y_b of the rows of (…, R, m) and (…, R, m), (…, R, R).

    With `lefts` only where a or b is one of these, or a = b; NaN elsewhere. That takes 2 L R m operations (L R m where
    x is y) instead of R² m.
    """
    if lefts is None:
        return x @ y.mT
    some = list(lefts)
    found = torch.full((*x.shape[:-1], x.shape[-2]), torch.nan, dtype=torch.float64, device=x.device)
    torch.diagonal(found, dim1=-2, dim2=-1).copy_(_summed(torch.linalg.vecdot, x, y))
    rows = _summed(_all, x[..., some, :], y)
    found[..., some, :] = rows
    found[..., :, some] = rows.mT if x is y else _summed(_all, x, y[..., some, :])
    return found


def _all(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x @ y.mT


def _summed(product: Callable[..., torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """A product over long rows, in float64 from piece to piece."""
    pieces = zip(x.split(PIECE, -1), y.split(PIECE, -1))
    return torch.stack([product(*piece).double() for piece in pieces]).sum(dim=0)
