"""Products of all representations with all others, or of some of them with all others."""

from collections.abc import Sequence

import torch


def products(x: torch.Tensor, y: torch.Tensor, lefts: Sequence[int] | None) -> torch.Tensor:
    """x_a'y_b of the rows of (…, R, m) and (…, R, m), (…, R, R).

    With `lefts` only where a or b is one of these, or a = b; NaN elsewhere. That takes 2 L R m operations (L R m where
    x is y) instead of R² m.
    """
    if lefts is None:
        return x @ y.mT
    some = list(lefts)
    found = x.new_full((*x.shape[:-1], x.shape[-2]), torch.nan)
    own = x.unsqueeze(-2) @ y.unsqueeze(-1)  # as products: a sum of x * y would hold all of that
    torch.diagonal(found, dim1=-2, dim2=-1).copy_(own[..., 0, 0])
    rows = x[..., some, :] @ y.mT
    found[..., some, :] = rows
    found[..., :, some] = rows.mT if x is y else x @ y[..., some, :].mT
    return found
