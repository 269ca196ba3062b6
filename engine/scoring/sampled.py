"""Scores from a random part of all pairs of samples: as much as the standard error asked for takes, and no more.

Disjoint random batches are drawn without replacement, and each is compared within itself; so the mean over batches is
an unbiased estimate, its jackknife error is that of the population's value, and a sample is read at most once. When all
samples have been read, other pairs of the same samples would hardly lower the error: the score is returned as it is.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from consilience.engine.costs.apart import BATCH, SAMPLED_FROM
from consilience.engine.errors import BadInput
from consilience.engine.inference.subsets import deal, subsets
from consilience.engine.metrics.registry import Choice, Metric, Request, parse, registered
from consilience.engine.passes.batches import Parts, batch_parts
from consilience.engine.scoring.batches import contributions, from_parts
from consilience.engine.scoring.enough import short, told
from consilience.engine.scoring.evaluated import Evaluated
from consilience.engine.scoring.queries import from_queries
from consilience.engine.scoring.second import bandwidths
from consilience.engine.scoring.setting import Setting

ROUND = 20  # batches, one for each group of the jackknife
LEAST_SAMPLES = SAMPLED_FROM
OF_ALL = (
    "neighbours among a part of the samples are not those among all, and only the overlap of mutual_knn is made of "
    "single samples searched among all"
)
# Why a part of the pairs does not serve, by what a metric needs.
WHY = {
    "sums": "it is no mean over pairs or quadruples of samples",
    "classes": "its pairs are those within classes, which random batches would cut",
    "batches": "it is made of random batches already",
    "neighbours": OF_ALL,
    "overlaps": OF_ALL,
    "unions": OF_ALL,
    "triangles": "it is of all pairs of few samples",
    "moments": "it takes one reading of all samples, and no pairs of them",
    "held_out": "it takes one reading of all samples, and pairs of at most `gallery` of them",
}


def evaluate(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    """Every request, to the standard error that the setting asks for."""
    setting = replace(setting, medians=bandwidths(requests, setting))
    pairwise = [r for r in requests if r.needs == "sums"]
    found = _pairwise(pairwise, setting) if pairwise else []
    return found + [from_queries(r, setting) for r in requests if r.needs != "sums"]


def check(requests: Sequence[Request], until_se: float) -> None:
    """Refuse metrics of which a part of the pairs gives no unbiased estimate."""
    if not until_se > 0:
        raise BadInput(
            "a standard error above 0 as until_se", str(until_se), "use for instance until_se=0.005"
        )
    for r in requests:
        if not r.sampled:
            known = ", ".join(told for _, m in sorted(registered().items()) if (told := forms(m)))
            raise BadInput(
                f"metrics that random pairs of samples estimate without bias, with until_se: {known}",
                f"{r.id}, which they do not: {unsampled(r)}",
                "leave until_se out, or compare by this metric in another call",
            )  # fmt: skip


def forms(metric: Metric) -> str | None:
    """The metric, with the words that its parameters need for `until_se`; None where there are none."""
    choices = {name: p for name, p in metric.parameters.items() if isinstance(p, Choice)}
    serving: list[tuple[str, ...]] = []
    for words in product(*(p.words for p in choices.values())):
        try:
            if parse({"name": metric.name, **dict(zip(choices, words))}).sampled:
                serving.append(words)
        except BadInput:
            continue  # they do not go together
    if not serving:
        return None
    needed = []
    for k, (name, parameter) in enumerate(choices.items()):
        mine = [word for word in parameter.words if any(words[k] == word for words in serving)]
        if len(mine) < len(parameter.words):
            needed.append(f"{name}={' or '.join(mine)}")
    return f"{metric.name} ({', '.join(needed)})" if needed else metric.name


def unsampled(request: Request) -> str:
    """Why random pairs of samples do not estimate that metric without bias."""
    return request.unsampled or WHY[request.needs]


def _pairwise(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    """Rounds of batches until every score is as sure as asked for, or every sample was read."""
    n = setting.groups.n
    batches = deal(n, n // BATCH, setting.seed, run=1)
    chosen, work = subsets(ROUND), setting.tile_pass(batches)
    parts: Parts = {}
    found: list[Evaluated] = []
    stop = 0
    while stop < batches.count:
        start = stop
        stop = batches.count if batches.count - start < 2 * ROUND else start + ROUND
        dealt = [(b, b % ROUND) for b in range(start, stop)]
        for key, part in batch_parts(work, contributions(requests), dealt, setting.run, 1).items():
            parts[key] = parts[key] + part if key in parts else part
        used = batches.edges[: stop + 1]
        notes = told(int(used[-1]), float((np.diff(used) * (np.diff(used) - 1.0)).sum() / 2), n, setting)
        found = [
            from_parts(
                r, [parts[r.id, g] for g in range(ROUND)], chosen, setting, int(used[-1]),
                {**notes, **setting.distances(r)},
            )
            for r in requests
        ]  # fmt: skip
        if all(short(e, setting) <= 1 for e in found):
            break
    return found
