"""The plan of a study: what is extracted, what is compared in which passes, what that costs, and how it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from consilience.engine.costs.size import Step
from consilience.engine.machine import gigabytes
from consilience.engine.planning import Plan
from consilience.pipelines.console import Console
from consilience.pipelines.seats import Seat
from consilience.pipelines.zoo.pairscores import Pairs


@dataclass(frozen=True)
class Features:
    """One model's table: there already, or to be extracted. `size` is in bytes on disk."""

    model: str
    state: str
    samples: int
    layers: int
    size: int


def step_row(x: Step) -> tuple[str, ...]:
    """A pass of a plan, as it is printed."""
    return (
        x.name, x.how, x.block, f"{x.flops / 1e12:.2f}", gigabytes(x.bytes), gigabytes(x.memory), f"{x.seconds:.0f}"
    )  # fmt: skip


@dataclass(frozen=True)
class Passes:
    """Metrics computed in the same sweep over the same representations, and the plan of that sweep. `pairs` are those
    of two representations, or 0."""

    metrics: tuple[str, ...]
    representations: int
    plan: Plan
    pairs: int = 0

    def row(self) -> dict[str, Any]:
        """As plain JSON values."""
        steps = [vars(step) for step in self.plan.steps]
        return {
            "metrics": self.metrics, "representations": self.representations, "pairs": self.pairs, "steps": steps,
        }  # fmt: skip

    def show(self, what: str, console: Console) -> None:
        """Print it; `what` is a word for what is done."""
        pairs = f", {self.pairs:,} pairs," if self.pairs else ""
        console.table(
            f"{what} of {self.representations} representations{pairs} by {', '.join(self.metrics)}",
            ("pass", "how", "block", "TFLOP", "read", "peak memory", "seconds"),
            [step_row(x) for x in self.plan.steps],
        )
        console.say()


@dataclass(frozen=True)
class StudyPlan:
    """What a run will do. `scores` says of every metric how many are there already, and how many are not: pairs of
    representations, or representations. `bills` says what models behind a paid endpoint will cost."""

    study: str
    features: tuple[Features, ...]
    comparisons: tuple[Passes, ...]
    profiles: tuple[Passes, ...]
    scores: dict[str, tuple[int, int]]
    left_out: dict[str, str]
    pairs: tuple[Pairs, ...] = ()
    bills: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """What the passes are expected to take; extraction depends on the models and is not predicted."""
        return sum(x.plan.seconds for x in self.comparisons + self.profiles)

    @property
    def memory(self) -> float:
        """The peak of the passes above their inputs, in bytes."""
        return max((x.plan.memory for x in self.comparisons + self.profiles), default=0.0)

    def rows(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return {
            "study": self.study,
            "features": [vars(x) for x in self.features],
            "comparisons": [x.row() for x in self.comparisons],
            "profiles": [x.row() for x in self.profiles],
            "scores": {metric: {"known": known, "new": new} for metric, (known, new) in self.scores.items()},
            "left_out": self.left_out,
            "bills": self.bills,
        }

    def show(self, console: Console) -> None:
        """Print it."""
        console.table(
            f"Plan of {self.study}: features",
            ("model", "state", "samples", "layers", "on disk"),
            [(x.model, x.state, f"{x.samples:,}", x.layers, gigabytes(x.size)) for x in self.features],
        )
        for model, bill in self.bills.items():
            console.say(f"{model}: {bill}")
        for model, why in self.left_out.items():
            console.say(f"{model} is left out: {why}", style="yellow")
        console.say()
        if any(known for known, _ in self.scores.values()):
            console.table(
                "Scores", ("metric", "there already", "new"),
                [(metric, f"{known:,}", f"{new:,}") for metric, (known, new) in self.scores.items()],
            )  # fmt: skip
            console.say()
        for what, passes in (("Comparison", self.comparisons), ("Profile", self.profiles)):
            for one in passes:
                one.show(what, console)


def features_of(seats: Sequence[Seat]) -> tuple[Features, ...]:
    """What is there of every model, and what has to be extracted."""
    return tuple(
        Features(
            x.name, "in the store" if x.table else "to be extracted", x.samples, len(x.layers),
            x.samples * sum(info.nbytes for info in x.infos.values()),
        )
        for x in seats
    )  # fmt: skip
