"""What every family of metrics is evaluated with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from consilience.engine.costs.size import Size
from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups, Subsets, subsets
from consilience.engine.metrics.registry import Request
from consilience.engine.pairs import covering
from consilience.engine.passes.blocks import Frame, compute_dtype
from consilience.engine.passes.executors import Run
from consilience.engine.passes.layout import layout
from consilience.engine.passes.spaces import RBF
from consilience.engine.passes.tiles import TilePass
from consilience.engine.planning import Plan
from consilience.engine.progress import Progress

if TYPE_CHECKING:
    from consilience.engine.scoring.known import Lists


@dataclass(frozen=True)
class Setting:
    """The representations, their rows in groups, the pairs wanted, and the options of a comparison.

    `asked` are the pairs of the score table; `pairs` are those and every representation with itself, of which the
    kernels of the others are made. `run` executes tasks; see `passes.executors.run`. `labels` (n,) are the classes of
    the samples, 0 and up; `until_se` is the standard error asked for, if any; `medians` are the pairwise distances, in
    the frames, behind the bandwidth of a kernel, if known already; `among` is the number of pairs of the comparison of
    which these are a part, 0 if they are all. `kept` is where neighbour lists are kept, `lists` those that are there of
    these representations, by space and number; `known` are the representations that have all.
    """

    representations: tuple[Representation, ...]
    frames: tuple[Frame, ...]
    groups: Groups
    pairs: tuple[tuple[int, int], ...]
    asked: tuple[tuple[int, int], ...]
    plan: Plan
    se: bool
    null: bool
    permutations: int
    seed: int
    device: str
    run: Run
    progress: Progress
    labels: np.ndarray | None = None
    until_se: float | None = None
    precision: str = "exact"
    medians: tuple[float, ...] | None = None
    among: int = 0
    kept: "Lists | None" = None
    lists: Mapping[str, Mapping[int, np.ndarray]] = field(default_factory=dict)
    known: tuple[int, ...] = ()

    def tile_pass(self, groups: Groups) -> TilePass:
        """What tasks on whole matrices of some rows need, apart from a sweep."""
        return TilePass(
            self.representations, self.frames, groups, layout(groups, groups.n), (),
            compute_dtype(self.representations), self.device, self.medians, budget=self.plan.budget,
        )  # fmt: skip

    def distances(self, request: Request) -> dict[str, dict[str, float]]:
        """The median distance of two samples behind the kernel of `request`, by representation, to be told."""
        if self.medians is None or not request.space.startswith(RBF):
            return {}
        found = zip(self.representations, self.frames, self.medians)
        return {"median_distance": {r.name: median / f.scale for r, f, median in found}}

    @property
    def size(self) -> Size:
        """What decides the cost."""
        widths = tuple(r.d for r in self.representations)
        itemsize = compute_dtype(self.representations).itemsize
        rdms = sum(r.rdm for r in self.representations)
        return Size(
            self.groups.n, widths, itemsize, self.groups.count, self.pairs, rdms=rdms, among=self.among
        )  # fmt: skip

    @cached_property
    def lefts(self) -> tuple[int, ...] | None:
        """The representations of which one is in every pair wanted; None where that is no use."""
        return covering(self.asked, len(self.representations))

    @cached_property
    def subsets(self) -> Subsets:
        """The subsets of the row groups on which a metric is evaluated."""
        return subsets(self.groups.count, se=self.se)
