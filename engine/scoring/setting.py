"""What every family of metrics is evaluated with."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups, Subsets, subsets
from consilience.engine.passes.blocks import Frame
from consilience.engine.planning import Plan
from consilience.engine.progress import Progress


@dataclass(frozen=True)
class Setting:
    """The representations, their rows in groups, the pairs wanted, and the options of a comparison.

    `run` executes tasks; see `passes.executors.run`.
    """

    representations: tuple[Representation, ...]
    frames: tuple[Frame, ...]
    groups: Groups
    pairs: tuple[tuple[int, int], ...]
    plan: Plan
    se: bool
    null: bool
    permutations: int
    seed: int
    device: str
    threads: int
    run: Callable[..., Any]
    progress: Progress

    @cached_property
    def subsets(self) -> Subsets:
        """The subsets of the row groups on which a metric is evaluated."""
        return subsets(self.groups.count, se=self.se)
