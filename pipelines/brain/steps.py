"""The passes of a brain study with their seconds and memory, from the shapes alone: features may not exist yet."""

from collections.abc import Sequence
from dataclasses import replace

from consilience.engine.costs.brains import EncodingSize, draw_steps, encoding_steps, reliability_step
from consilience.engine.costs.size import Size, Step
from consilience.engine.errors import BadInput
from consilience.engine.machine import Speed, read_bytes
from consilience.engine.pairs import with_own
from consilience.engine.planning import make_plan, needs_of
from consilience.pipelines.brain.prepare import Prepared

FLOAT, DOUBLE, GROUPS = 4, 8, 20


def aligned_steps(prepared: Prepared, metric: str, speed: Speed) -> list[Step]:
    """Of one metric: the scores of all pairs, the permutations and the bootstrap of the stimuli.

    Raises StudyError where the budget cannot hold them; it names both numbers.
    """
    from consilience.engine.alignment.bootstrap import serves
    from consilience.engine.metrics import parse
    from consilience.engine.scoring import permuted

    study, request = prepared.study, parse(metric)
    tables = prepared.recordings.subjects.values()
    layers = [d for seat in prepared.seats for d in seat.layers.values()]
    regions = [[t.layers[r] for t in tables if r in t.layers] for r in prepared.regions]
    recordings = [info for region in regions for info in region]
    n = min(len(prepared.seats[0].sample_ids), *(t.n for t in tables))
    first, every = len(layers), range(len(layers) + len(recordings))
    pairs = with_own([(a, b) for a in range(first) for b in every if b > a], every)
    size = Size(
        n, (*layers, *(1 if x.kind == "rdm" else x.dim for x in recordings)), FLOAT, min(GROUPS, n), pairs,
        rdms=sum(x.kind == "rdm" for x in recordings),
    )  # fmt: skip
    budget = read_bytes(study.budget)
    try:
        made = make_plan(size, needs_of([request]), budget=budget, speed=speed)
    except BadInput as bad:
        raise study.error(("budget",), bad) from bad
    asked = study.permutations if permuted.serves(request) else 0
    whole = request.needs in ("sums", "neighbours") and (request.space != "linear" or size.rdms > 0)
    return [
        *made.steps,
        *draw_steps(
            size, [(first, len(region)) for region in regions], asked, study.bootstraps, speed, budget,
            drawn_again=int(serves(request, n)), matrices=int(whole),
        ),
    ]  # fmt: skip


def encoded_steps(prepared: Prepared, subjects: Sequence[str], speed: Speed) -> list[Step]:
    """Of those subjects together: the models beyond all nuisance spaces, and each of these beyond the others."""
    total: list[Step] = []
    for subject in subjects:
        for size in _sizes(prepared, subject):
            for step in encoding_steps(size, read_bytes(prepared.study.budget), speed):
                same = [k for k, before in enumerate(total) if before.name == step.name]
                if same:
                    total[same[0]] = _more(total[same[0]], step)
                else:
                    total.append(step)
    return total


def reliable_steps(prepared: Prepared, subjects: Sequence[str], speed: Speed) -> list[Step]:
    """Of those subjects together."""
    settings, total = prepared.study.reliability, None
    assert settings is not None
    for subject in subjects:
        repeats = list(prepared.recordings.repeats(subject).values())
        units = [
            1 if info.kind == "rdm" else info.dim
            for r, info in repeats[0].layers.items()
            if r in prepared.regions
        ]
        step = reliability_step(
            repeats[0].n, len(repeats), units, settings.splits, settings.permutations, speed
        )
        total = step if total is None else _more(total, step)
    return [] if total is None else [total]


def _sizes(prepared: Prepared, subject: str) -> list[EncodingSize]:
    from consilience.engine.encoding.checks import PENALTIES
    from consilience.engine.encoding.variants import models_of

    study, table = prepared.study, prepared.recordings.subjects[subject]
    settings, beside = study.encode, prepared.recordings.nuisance(subject)
    assert settings is not None
    lags = len(settings.delays or (0,))
    most = settings.components or 0
    layers = [lags * (min(d, most) if most else d) for seat in prepared.seats for d in seat.layers.values()]
    nuisance = [beside.layers[name].dim for name in settings.nuisance] if beside is not None else []
    units = sum(info.dim for region, info in table.layers.items() if region in prepared.regions)

    def size(spaces: list[int], others: list[int]) -> EncodingSize:
        widths = (*spaces, sum(others)) if others else tuple(spaces)
        models = tuple(m.spaces for m in models_of(len(spaces), nuisance=bool(others), joint=False))
        return EncodingSize(
            table.n, widths, models, units, settings.folds, len(PENALTIES), settings.bands, True,
            settings.permutations, DOUBLE,
        )  # fmt: skip

    apart = [size([own], [*nuisance[:k], *nuisance[k + 1 :]]) for k, own in enumerate(nuisance)]
    return [size(layers, nuisance), *apart]


def _more(one: Step, other: Step) -> Step:
    """Both, one after the other."""
    return replace(
        one, flops=one.flops + other.flops, bytes=one.bytes + other.bytes, memory=max(one.memory, other.memory),
        seconds=one.seconds + other.seconds,
    )  # fmt: skip
