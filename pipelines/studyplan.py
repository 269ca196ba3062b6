"""The plan of a study: what is extracted, what is compared in which passes, and what that costs on this machine."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from consilience.engine.costs.apart import SAMPLED_FROM
from consilience.engine.costs.size import Size, Step
from consilience.engine.errors import BadInput
from consilience.engine.machine import Speed
from consilience.engine.pairs import with_own
from consilience.engine.planning import Plan, gigabytes, make_plan, needs_of
from consilience.pipelines.console import Console
from consilience.pipelines.contents import among
from consilience.pipelines.pairscores import Pairs, Work
from consilience.pipelines.prepare import Name, Prepared, Profiling
from consilience.pipelines.profiles import Profiles
from consilience.pipelines.seats import Seat
from consilience.pipelines.steps import step_error, steps_of

if TYPE_CHECKING:
    from consilience.engine.preprocessing import Load

ITEM = 4  # bytes of a feature, as extraction writes them


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
    representations, or representations."""

    study: str
    features: tuple[Features, ...]
    comparisons: tuple[Passes, ...]
    profiles: tuple[Passes, ...]
    scores: dict[str, tuple[int, int]]
    left_out: dict[str, str]
    pairs: tuple[Pairs, ...] = ()

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
        }

    def show(self, console: Console) -> None:
        """Print it."""
        console.table(
            f"Plan of {self.study}: features",
            ("model", "state", "samples", "layers", "on disk"),
            [(x.model, x.state, f"{x.samples:,}", x.layers, gigabytes(x.size)) for x in self.features],
        )
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
            ITEM * x.samples * sum(x.layers.values()),
        )
        for x in seats
    )  # fmt: skip


def study_plan(prepared: Prepared, rate: Speed | None = None) -> StudyPlan:
    """The plan of `prepared`, without the scores that are kept already, on a machine of that speed (default: this one).

    Raises StudyError where the budget cannot hold the comparison; it names both numbers.
    """
    features = features_of(prepared.seats)
    pairs = tuple(Pairs(prepared, comparison) for comparison in prepared.comparisons())
    scores = {metric: one.counts(metric) for one in pairs for metric in one.comparison.metrics}
    comparisons = [
        Passes(work.metrics, len(work.names), _passes(prepared, work, rate), int(work.missing.sum()))
        for one in pairs
        for work in one.works()
    ]
    profiles: list[Passes] = []
    for profiled in (Profiles(prepared, profiling) for profiling in prepared.profiles()):
        scores |= {metric: profiled.counts(metric) for metric in profiled.profiling.metrics}
        profiles += [
            Passes(part.metrics, len(part.a), _profile_passes(prepared, part, rate))
            for part in profiled.works()
        ]
    return StudyPlan(
        prepared.study.name, features, tuple(comparisons), tuple(profiles), scores, prepared.left_out, pairs
    )


def _passes(prepared: Prepared, work: Work, rate: Speed | None) -> Plan:
    """As `Comparison.plan` of the engine, from the shapes alone: the features may not exist yet."""
    from consilience.engine.machine import read_bytes, speed
    from consilience.engine.metrics import parse
    from consilience.engine.scores import label
    from consilience.engine.scoring.known import known
    from consilience.pipelines.neighbourlists import KeptLists

    study, names = prepared.study, work.names
    at = {name: i for i, name in enumerate(names)}
    pairs = with_own([(at[a], at[b]) for a, b in work.named], range(len(names)))
    units = _units(prepared, names)
    n = len(work.pairs.samples.ids)
    budget, rate = read_bytes(study.budget), rate or speed(study.device)
    load = _load(prepared, dict(zip(names, units)), n, budget, rate.threads)
    widths = tuple(shape.widths()[-1] for shape in load.shapes)
    needs, sampled = (
        needs_of([parse(m) for m in work.metrics]),
        study.until_se is not None and n >= SAMPLED_FROM,
    )
    found: tuple[int, ...] = ()
    if study.precision == "exact" and not sampled:
        kept = KeptLists(prepared, work.pairs)
        found = known(kept, [label(*name) for name in names], needs.searches)[1]
    size = Size(
        n, widths, ITEM, min(study.groups, n), pairs, load.beside(rate.threads),
        among=among(work.pairs.comparison), known=found,
    )  # fmt: skip
    try:
        made = make_plan(
            size, needs, budget=budget, speed=rate, permutations=study.permutations if study.null else 0,
            sampled=sampled,
            classes=list(Counter((prepared.labels or {}).values()).values()),
        )  # fmt: skip
    except BadInput as bad:
        raise study.error(("budget",), bad) from bad
    return load.added(made, size, rate)


def _load(prepared: Prepared, units: Mapping[Name, int], n: int, budget: float, threads: int) -> "Load":
    """The preprocessing of these representations, once it is known that it can be done."""
    from consilience.engine.preprocessing import Load, Shape
    from consilience.engine.scores import label

    steps, seats = steps_of(prepared), {x.name: x for x in prepared.seats}
    shapes = []
    for (model, layer), d in units.items():
        shape = Shape(label(model, layer), n, d, ITEM, steps[model])
        try:
            Load((shape,)).refuse(budget, threads)
        except BadInput as bad:
            raise step_error(prepared, seats[model], bad) from bad
        shapes.append(shape)
    return Load(tuple(shapes))


def _profile_passes(prepared: Prepared, profiling: Profiling, rate: Speed | None) -> Plan:
    """As `Profile.plan` of the engine, from the shapes alone."""
    from consilience.engine.machine import read_bytes, speed
    from consilience.engine.metrics import parse
    from consilience.engine.profile_plan import plan_profile

    study = prepared.study
    n, units = min(x.samples for x in prepared.seats), _units(prepared, profiling.a)
    budget, rate = read_bytes(study.budget), rate or speed(study.device)
    load = _load(prepared, dict(zip(profiling.a, units)), n, budget, rate.threads)
    widths = [shape.widths()[-1] for shape in load.shapes]
    try:
        return plan_profile(
            n, widths, min(study.groups, n), [parse(m) for m in profiling.metrics], budget=budget, speed=rate
        )
    except BadInput as bad:
        raise study.error(("budget",), bad) from bad


def _units(prepared: Prepared, names: Sequence[Name]) -> tuple[int, ...]:
    """Units of each of `names`."""
    units = {(x.name, layer): d for x in prepared.seats for layer, d in x.layers.items()}
    return tuple(units[x] for x in names)
