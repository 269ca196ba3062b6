"""What each unit alone contributes to the unbiased HSIC of its representation with itself: four power sums a unit."""

from collections.abc import Sequence

import numpy as np
import torch

from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups
from consilience.engine.passes import executors
from consilience.engine.passes.blocks import Frame, centred
from consilience.engine.passes.executors import Run

BLOCK_ROWS = 4096


def single_units(
    representations: Sequence[Representation],
    frames: Sequence[Frame],
    groups: Groups,
    masks: np.ndarray,
    device: str,
    run: Run,
) -> np.ndarray:
    """Σ_j HSIC(k_j, k_j), (S, R), with k_j = x_j x_j' the Gram matrix of unit j alone; times n(n-3), as in `Sums`.

    With s_m = Σ_i x_ij^m: tr(k̃²) = s₂² - s₄, 1'k̃1 = s₁² - s₂ and 1'k̃²1 = s₁² s₂ - 2 s₁ s₃ + s₄. `masks` (S, groups).
    """
    calls = [(r, f, groups, masks.astype(np.float64), device) for r, f in zip(representations, frames)]
    costs = [float(r.d) for r in representations]
    return np.stack(run(_of_one, calls, executors.joined, costs=costs, stage="single units"), axis=1)


def _of_one(r: Representation, f: Frame, groups: Groups, masks: np.ndarray, device: str) -> list[np.ndarray]:
    powers = np.zeros((groups.count, 4, r.d))
    for g, (start, stop) in enumerate(zip(groups.edges[:-1], groups.edges[1:])):
        for at in range(start, stop, BLOCK_ROWS):
            rows = groups.order[at : min(at + BLOCK_ROWS, stop)]
            x = centred(r, f, rows, np.dtype(np.float64), device)
            square = x * x
            sums = [x.sum(0), square.sum(0), (square * x).sum(0), (square * square).sum(0)]
            powers[g] += torch.stack(sums).cpu().numpy()
    s1, s2, s3, s4 = np.tensordot(masks, powers, axes=1).transpose(1, 0, 2)  # each (S, d)
    n = (masks @ groups.sizes)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = s2**2 - s4 + (s1**2 - s2) ** 2 / ((n - 1) * (n - 2))
        value -= 2 / (n - 2) * (s1**2 * s2 - 2 * s1 * s3 + s4)
    return [value.sum(axis=1)]
