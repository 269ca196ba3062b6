"""Class-conditional metrics: what each class contributes, rows of one class at a time, added up before the ratio."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.machine import nominal
from consilience.engine.metrics.hsic import Hsic
from consilience.engine.metrics.registry import Request
from consilience.engine.planning import make_plan, needs_of
from consilience.engine.scoring.evaluated import Evaluated
from consilience.engine.scoring.second import bandwidths, statistics
from consilience.engine.scoring.setting import Setting
from consilience.engine.scoring.sums import from_sums

LEAST_SAMPLES = 4


def evaluate(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    """Every request, over the classes of the setting's labels. Samples are permuted within their class."""
    assert setting.labels is not None
    labels, counts = np.unique(setting.labels, return_counts=True)
    plain = [unconditional(r) for r in requests]
    setting = replace(setting, medians=bandwidths(plain, setting))
    found: dict[str, Hsic] = {}
    for label in labels[counts >= LEAST_SAMPLES]:
        one = _of_class(plain, setting, setting.labels == label)
        sums, _ = statistics(plain, one)
        for r, p in zip(requests, plain):
            part = r.metric.part(sums[p.space], at=setting.subsets.tested, **p.parameters)  # type: ignore[misc]
            found[r.id] = found[r.id] + _counted(part) if r.id in found else _counted(part)
    small = {str(label): int(n) for label, n in zip(labels, counts) if n < LEAST_SAMPLES}
    notes: dict[str, Any] = {"classes": len(labels) - len(small), "classes with too few samples": small}
    return [
        replace(
            from_sums(r, found[r.id], setting.subsets, setting.null), notes={**notes, **setting.distances(p)}
        )
        for r, p in zip(requests, plain)
    ]


def check_classes(labels: np.ndarray) -> None:
    """Refuse labels none of whose classes can be compared within itself."""
    largest = int(np.unique(labels, return_counts=True)[1].max())
    if largest < LEAST_SAMPLES:
        raise BadInput(
            f"at least one class of {LEAST_SAMPLES} samples or more", f"{largest} in the largest",
            "use broader classes, or leave by= out",
        )  # fmt: skip


def unconditional(request: Request) -> Request:
    """The same metric over all pairs of samples."""
    return replace(request, parameters={k: v for k, v in request.parameters.items() if k != "by"})


def _of_class(plain: Sequence[Request], setting: Setting, wanted: np.ndarray) -> Setting:
    """The rows of one class, in the groups they are in, with a plan for so few."""
    one = replace(setting, groups=setting.groups.only(wanted))
    budget, speed = setting.plan.budget, nominal(setting.device)
    return replace(one, plan=make_plan(one.size, needs_of(plain), budget=budget, speed=speed, se=setting.se))


def _counted(part: Hsic) -> Hsic:
    """Nothing from subsets in which the class has too few samples."""
    enough = part.n >= LEAST_SAMPLES
    value = np.where(enough[:, None, None], part.value, 0.0)
    return replace(part, value=value, own=np.where(enough[:, None], part.own, 0.0))
