"""The plan of a study is made: from shapes alone, for its features may not exist yet."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from consilience.engine.costs.apart import SAMPLED_FROM
from consilience.engine.errors import BadInput
from consilience.engine.features.schema import RDM_KIND, LayerInfo
from consilience.engine.machine import Speed
from consilience.engine.pairs import with_own
from consilience.engine.planning import Plan, needs_of
from consilience.pipelines.bills import bills
from consilience.pipelines.questions.asked import check
from consilience.pipelines.studyfiles.steps import step_error, steps_of
from consilience.pipelines.zoo.contents import among
from consilience.pipelines.zoo.pairscores import Pairs, Work
from consilience.pipelines.zoo.plan import Passes, StudyPlan, features_of
from consilience.pipelines.zoo.prepare import Name, Prepared, Profiling
from consilience.pipelines.zoo.profiles import Profiles

if TYPE_CHECKING:
    from consilience.engine.preprocessing import Load


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
