"""The plan of a study: what is extracted, what is compared in which passes, and what that costs on this machine."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.engine.costs.apart import SAMPLED_FROM
from consilience.engine.costs.size import Step
from consilience.engine.errors import BadInput
from consilience.engine.features.schema import RDM_KIND, LayerInfo
from consilience.engine.machine import Speed, gigabytes
from consilience.engine.pairs import with_own
from consilience.engine.planning import Plan, needs_of
from consilience.pipelines.bills import bills
from consilience.pipelines.console import Console
from consilience.pipelines.questions.asked import check
from consilience.pipelines.seats import Seat
from consilience.pipelines.studyfiles.steps import step_error, steps_of
from consilience.pipelines.zoo.contents import among
from consilience.pipelines.zoo.pairscores import Pairs, Work
from consilience.pipelines.zoo.prepare import Name, Prepared, Profiling
from consilience.pipelines.zoo.profiles import Profiles

if TYPE_CHECKING:
    from consilience.engine.preprocessing import Load


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


def study_plan(prepared: Prepared, rate: Speed | None = None) -> StudyPlan:
    """The plan of `prepared`, without the scores that are kept already, on a machine of that speed (default: this one).

    Raises StudyError where the budget cannot hold the comparison; it names both numbers.
    """
    check(prepared)
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
        prepared.study.name, features, tuple(comparisons), tuple(profiles), scores, prepared.left_out, pairs,
        bills(prepared.seats),
    )  # fmt: skip


def _passes(prepared: Prepared, work: Work, rate: Speed | None) -> Plan:
    """As `Comparison.plan` of the engine, from the shapes alone: the features may not exist yet."""
    from consilience.engine.comparison_plan import plan_comparison
    from consilience.engine.machine import read_bytes, speed
    from consilience.engine.metrics import parse
    from consilience.engine.scores import label
    from consilience.engine.scoring.known import known
    from consilience.pipelines.zoo.neighbourlists import KeptLists

    study, names = prepared.study, work.compared(prepared)
    at = {name: i for i, name in enumerate(names)}
    pairs = with_own([(at[a], at[b]) for a, b in work.named], range(len(names)))
    ids, requests = work.pairs.samples.ids, [parse(m) for m in work.metrics]
    budget, rate = read_bytes(study.budget), rate or speed(study.device)
    load = _load(prepared, names, len(ids), budget, rate.threads)
    sampled = study.until_se is not None and len(ids) >= SAMPLED_FROM
    found: tuple[int, ...] = ()
    if study.precision == "exact" and not sampled:
        kept = KeptLists(prepared, work.pairs)
        found = known(kept, [label(*name) for name in names], needs_of(requests).searches)[1]
    labels = prepared.labels or {}
    classes = Counter(labels[str(x)] for x in ids if str(x) in labels)
    try:
        return plan_comparison(
            load, [shape.widths()[-1] for shape in load.shapes], requests, pairs,
            groups=min(study.groups, len(ids)), budget=budget, speed=rate,
            permutations=study.permutations if study.null else 0, classes=list(classes.values()),
            precision=study.precision, sampled=sampled,
            rdms=sum(_infos(prepared)[name].kind == RDM_KIND for name in names),
            among=among(work.pairs.comparison), known=found,
        )  # fmt: skip
    except BadInput as bad:
        raise study.error(("budget",), bad) from bad


def _load(prepared: Prepared, names: Sequence[Name], n: int, budget: float, threads: int) -> "Load":
    """The preprocessing of these representations, once it is known that it can be done."""
    from consilience.engine.preprocessing import Load, Shape
    from consilience.engine.preprocessing.rows import working_dtype
    from consilience.engine.scores import label

    steps, seats, infos = steps_of(prepared), {x.name: x for x in prepared.seats}, _infos(prepared)
    shapes = []
    for model, layer in names:
        info = infos[model, layer]
        d = 1 if info.kind == RDM_KIND else info.dim
        item = working_dtype(np.dtype(info.dtype)).itemsize
        shape = Shape(label(model, layer), n, d, item, steps[model])
        try:
            Load((shape,)).refuse(budget, threads)
        except BadInput as bad:
            raise step_error(prepared, seats[model], bad) from bad
        shapes.append(shape)
    return Load(tuple(shapes))


def _infos(prepared: Prepared) -> dict[Name, LayerInfo]:
    """What each layer holds, of all models."""
    return {(x.name, layer): info for x in prepared.seats for layer, info in x.infos.items()}


def _profile_passes(prepared: Prepared, profiling: Profiling, rate: Speed | None) -> Plan:
    """As `Profile.plan` of the engine, from the shapes alone."""
    from consilience.engine.machine import read_bytes, speed
    from consilience.engine.metrics import parse
    from consilience.engine.profile_plan import plan_profile

    study = prepared.study
    n = min(x.samples for x in prepared.seats)
    budget, rate = read_bytes(study.budget), rate or speed(study.device)
    load = _load(prepared, profiling.a, n, budget, rate.threads)
    widths = [shape.widths()[-1] for shape in load.shapes]
    try:
        return plan_profile(
            n, widths, min(study.groups, n), [parse(m) for m in profiling.metrics], budget=budget, speed=rate
        )
    except BadInput as bad:
        raise study.error(("budget",), bad) from bad
