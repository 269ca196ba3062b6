"""From one Gram tile of shifted rows to any other similarity or distance between the same samples.

Each space is ``(beta K + A B') ∘ w_i w_j'`` with a few columns in A and B, or a function of such entries, so the matrix
product that made K is shared.
"""

import torch

from consilience.engine.passes.blocks import Block

COSINE = "rdm-cosine"
RBF = "rbf-"  # and the bandwidth, in median pairwise distances
BY_ANGLE = ("rdm-correlation", "rdm-cosine")
ERRORS = 2.0  # of a row's part of a dissimilarity by angle, in roundings of its terms; found are up to 0.8 times that


def needs_raw(space: str) -> bool:
    """Whether the space depends on the origin of the features."""
    return space in ("inner", "cosine", "correlation", "rdm-correlation", "rdm-cosine")


def transform(
    space: str,
    gram: torch.Tensor,
    i: Block,
    j: Block,
    origin2: torch.Tensor,
    width: torch.Tensor,
    median: torch.Tensor,
    rdms: torch.Tensor,
) -> torch.Tensor:
    """The tile of `space`, (R, m_i, m_j), from the Gram tile of the rows of `i` with the rows of `j`.

    Args:
        origin2: (R,) squared norm of the scaled origins. width: (R,) number of units. median: (R,) pairwise distance,
            for ``rbf-b``: exp(-‖x_i - x_j‖² / 2σ²) with σ = b times that. rdms: (R,) which are RDMs, read as squared
            distances, and in every space of dissimilarities as they are.
    """
    if space == "linear":
        return gram
    made = _transformed(space, gram, i, j, origin2, width, median)
    if space.startswith("rdm-") and space != "rdm-distance":
        for k in rdms.nonzero().flatten().tolist():
            torch.mul(gram[k], -2, out=made[k])
    return made


def _transformed(
    space: str,
    gram: torch.Tensor,
    i: Block,
    j: Block,
    origin2: torch.Tensor,
    width: torch.Tensor,
    median: torch.Tensor,
) -> torch.Tensor:
    if not needs_raw(space):
        distance2 = torch.baddbmm(gram, _columns(i.norm2), _rows(j.norm2), beta=-2)
        if (
            space == "rdm-crossnobis"
        ):  # of signed inner products: about 0, and so at times negative, for equal samples
            return distance2
        distance2.clamp_(min=0)
        if space == "rdm-euclidean":  # ‖x_i - x_j‖²
            return distance2
        if space == "rdm-distance":  # ‖x_i - x_j‖
            return distance2.sqrt_()
        sigma = float(space.removeprefix(RBF)) * median
        return distance2.mul_(-1 / (2 * sigma**2)[:, None, None]).exp_()
    similarity = torch.baddbmm(gram, _columns(i.lift + origin2[:, None]), _rows(j.lift))
    if space == "inner":
        return similarity
    if space.endswith("correlation"):
        similarity.baddbmm_((i.mean * width[:, None])[:, :, None], j.mean[:, None, :], alpha=-1)
    similarity.mul_(_inverse_length(space, i, origin2, width)[:, :, None])
    similarity.mul_(_inverse_length(space, j, origin2, width)[:, None, :])
    return similarity.neg_().add_(1) if space.startswith("rdm-") else similarity


def rounding(space: str, block: Block, origin2: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    """(R, m): up to what rounding has moved dissimilarities by angle; those of two rows add up.

    It is relative to terms that cancel in the products of raw rows, of which little may be left.
    """
    length2, terms = _lengths(space, block, origin2, width)
    return ERRORS * torch.finfo(terms.dtype).eps * terms * _inverse_of(length2, terms).square()


def normalised(block: Block) -> Block:
    """The rows of representations read about their true origin, brought to length 1; rows of zeros stay as they are."""
    for x, w in zip(block.x, _inverse_of(block.norm2, block.norm2)):
        x.mul_(w[:, None])
    return block


def _columns(left: torch.Tensor) -> torch.Tensor:
    return torch.stack([left, torch.ones_like(left)], dim=2)


def _rows(right: torch.Tensor) -> torch.Tensor:
    return torch.stack([torch.ones_like(right), right], dim=1)


def _inverse_length(space: str, block: Block, origin2: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    """1 / ‖x‖ of the raw rows, of the rows centred over units for a correlation; 0 where that is 0."""
    return _inverse_of(*_lengths(space, block, origin2, width))


def _lengths(
    space: str, block: Block, origin2: torch.Tensor, width: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """‖x‖² of those rows, and the size of the terms it is the sum of."""
    length2 = block.norm2 + 2 * block.lift + origin2[:, None]
    terms = block.norm2 + origin2[:, None]
    if space.endswith("correlation"):
        length2 = length2 - width[:, None] * block.mean**2
    return length2, terms


def _inverse_of(length2: torch.Tensor, terms: torch.Tensor) -> torch.Tensor:
    """1 / √length2, or 0 where that is below the rounding error of its `terms`: such a row is constant, not tiny."""
    floor = terms * torch.finfo(length2.dtype).eps * 8
    return torch.where(length2 > floor, length2, torch.inf).rsqrt()
