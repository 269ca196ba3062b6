"""Second-order cosine similarity of neighbourhoods."""

import numpy as np
import torch

from consilience.engine.metrics.knn import LISTS
from consilience.engine.metrics.registry import register
from consilience.engine.passes.unions import Side


@register(
    "second_order_cosine",
    symmetric=True,
    range=lambda distance, k: (-1 if distance == "cosine" else 0, 1),
    source="Hamilton et al. 2016; Wang et al. 2020",
    **{**LISTS, "needs": "unions"},
)
def second_order_cosine(left: Side, right: Side, *, distance: str, k: int) -> np.ndarray:
    """Second-order cosine similarity.

    mean over samples i of the cosine between s_X(i, U) and s_Y(i, U), U = N_X(i) ∪ N_Y(i), s(i, U) the vector of
    similarities of i with the samples of U

    Similarities are cosines, or for ``distance=euclidean`` the distances; of an RDM 1 less its entries, or their roots.

    Misleads where all similarities of a space are alike, as in a narrow cone of directions: any two vectors of them
    have a cosine near 1. Read it against its null.
    """
    # Over the union: what is in one list, plus what is in the other, less what is in both.
    inner = _over_union(left.near, right.values, left.values, right.near, left.near, right.near)
    squares = [side.values**2 for side in (left, right)]
    near = [side.near**2 for side in (left, right)]
    ones = torch.ones_like(left.values)
    x = _over_union(near[0], ones, squares[0], right.mask, near[0], right.mask)
    y = _over_union(left.mask, squares[1], ones, near[1], left.mask, near[1])
    lengths = torch.sqrt(x * y)
    return torch.where(lengths > 0, inner / lengths, 0.0).sum(dim=0).numpy()


def _over_union(*factors: torch.Tensor) -> torch.Tensor:
    """A B' + C D' - E F' for every sample, (m, R, R)."""
    a, b, c, d, e, f = factors
    return torch.bmm(a, b.mT) + torch.bmm(c, d.mT) - torch.bmm(e, f.mT)
