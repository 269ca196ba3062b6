"""Whole matrices within random batches of samples, summed: a cost of n times the size of a batch, at any n."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from consilience.engine.passes.executors import Run
from consilience.engine.passes.sample import sample_tile
from consilience.engine.passes.sums import Sums
from consilience.engine.passes.tiles import TilePass

Part = Callable[[Sums], Any]  # what the sums of one batch contribute; contributions are added up
Parts = dict[tuple[str, int], Any]  # name, group of batches -> the sum of its contributions


def batch_parts(
    work: TilePass,
    parts: Mapping[str, tuple[str, Part]],
    dealt: Sequence[tuple[int, int]],
    run: Run,
    batches_a_task: int = 4,
) -> Parts:
    """The contributions of some batches, which are the groups of rows of `work`.

    Args:
        parts: name -> (space, contribution). dealt: (batch, group of batches) of each batch wanted.
    """
    step = batches_a_task
    calls = [(work, parts, dealt[k : k + step]) for k in range(0, len(dealt), step)]
    costs = [float(len(some)) for _, _, some in calls]
    found: Parts = run(_some, calls, _added, costs=costs, stage="batches")
    return found


def _added(found: list[Parts]) -> Parts:
    total: Parts = {}
    for parts in found:
        for key, part in parts.items():
            total[key] = total[key] + part if key in total else part
    return total


def _some(work: TilePass, parts: Mapping[str, tuple[str, Part]], dealt: Sequence[tuple[int, int]]) -> Parts:
    if work.device == "cpu":
        torch.set_num_threads(1)  # the tasks are the threads
    found = []
    for batch, group in dealt:
        tile = sample_tile(work, slice(None), np.arange(*work.groups.edges[batch : batch + 2]))
        sums = {space: sums_within(tile.space(space), tile.rounding(space)) for space, _ in parts.values()}
        found.append({(name, group): part(sums[space]) for name, (space, part) in parts.items()})
    return _added(found)


def sums_within(values: torch.Tensor, rounding: np.ndarray | None = None) -> Sums:
    """The sums over whole matrices (R, m, m), without their diagonals, as one subset; `rounding` as of the tile."""
    values = values.clone()
    torch.diagonal(values, dim1=1, dim2=2).zero_()
    flat = values.flatten(1)
    cross = (flat @ flat.T).double().cpu().numpy()
    row = values.sum(dim=2).double().cpu().numpy()
    nothing = np.zeros_like(cross)[None]
    total = row.sum(axis=1)[None]
    m = np.array([float(values.shape[1])])
    return Sums(
        m, cross[None], (row @ row.T)[None], nothing, nothing, total, np.zeros_like(total),
        rounding=None if rounding is None else rounding[None] * m**2,
    )  # fmt: skip
