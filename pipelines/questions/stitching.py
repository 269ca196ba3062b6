"""Does an affine map carry one modality to the other? Held-out items found by their own partner, and by their class."""

import numpy as np

from consilience.engine.inference.null import benjamini_hochberg
from consilience.engine.metrics import parse
from consilience.engine.metrics.retrieval import RECALL
from consilience.engine.metrics.stitch import CLASS
from consilience.pipelines.questions.answer import Answer, Chart, Series
from consilience.pipelines.questions.wording import p_cell, p_of, paragraphs, spread, within
from consilience.pipelines.questions.zoo import Cross, Zoo
from consilience.pipelines.report.numbers import counted, fixed, rounded

FOUND = {"recall_1": "name", "recall_5": "name, among 5", CLASS: "class"}
HEADER = (
    "Found",
    "From",
    "To",
    "Layers",
    "Share",
    "95 % interval",
    "Chance",
    "Candidates",
    "p",
    "q",
    "Random weights",
)
METHOD = """\
The map is fitted by least squares on one half of the samples. The other half is divided again: one part chooses the
pair of layers, the other scores it, so that neither the fit nor the choice has seen what is scored.

Found by name: share of the scored items whose mapped vector is nearest, by cosine, to the vector of their own partner
among all items scored (of 5: is among the five nearest). Chance is 1 (or 5) in so many. Found by class: share whose
mapped vector is nearest to the mean vector of their class on the other side, over the items that the map was fitted
on; no label takes part in the fit. Chance is the mean over permutations of the pairing, which allows for large
classes.

Intervals are over items: the jackknife over row groups. p is the exact permutation test of the pairing, one-sided; q
is corrected over the pairs of models of each kind (Benjamini–Hochberg). The map itself is taken as it was fitted.

The last column is the share of the best random twin of the model that is mapped from: a network that was never
trained, chosen in the same way.
"""


def report_of(metric: str) -> str:
    """What a stitch reports; empty of another metric."""
    request = parse(metric)
    return str(request.parameters["report"]) if request.metric.name == "stitch" else ""


def chance(zoo: Zoo, metric: str, cross: Cross) -> tuple[float, int]:
    """What an unrelated pairing would score on the half that reports, and how many candidates there are."""
    one = zoo.scores.sel(metric=metric)
    cell = cross.best.a, cross.best.b
    n, groups = int(one["n"].values[cell]), int(one["groups"].item())
    reported = n - round(n * (groups // 2) / groups)  # as groups are dealt
    report = report_of(metric)
    if report in RECALL:
        return RECALL[report] / reported, reported
    return float(one["null_mean"].values[cell]), reported


def answer(zoo: Zoo) -> Answer:
    """The answer from every stitch that finds something, from vision to the others and on."""
    sentences: list[str] = []
    rows: list[list[str]] = []
    series: dict[str, list[Series]] = {}
    for metric in zoo.metrics:
        report = report_of(metric)
        if report not in FOUND:
            continue
        for fields in (x for pair in zoo.fields(metric) for x in (pair, pair[::-1])):
            crosses = [x for x in zoo.crosses(metric, fields) if not x.turned]
            if not crosses:
                continue
            crosses.sort(key=lambda x: -x.best.select)
            controls = [x for x in zoo.crosses(metric, fields, controls=True) if not x.turned]
            q = benjamini_hochberg(np.array([x.best.p for x in crosses]))
            rows += [_row(zoo, metric, x, _twin(zoo, x, controls), float(y)) for x, y in zip(crosses, q)]
            sentences += _words(zoo, metric, fields, crosses, controls)
            series.setdefault(FOUND[report], []).extend(_series(zoo, metric, fields, crosses, controls))
    charts = [
        Chart(f"Found by {kind}", "", "share of held-out items", some, zero=True)
        for kind, some in series.items()
    ]
    caption = (
        "Shares of held-out items with their 95 % intervals, at the best layers of every pair of models; beside those "
        "of the network with random weights, where there is one, and chance."
    )
    return Answer(
        "Can one modality be mapped to another?", sentences, HEADER, rows, paragraphs(METHOD), charts, caption
    )


def _twin(zoo: Zoo, cross: Cross, controls: list[Cross]) -> Cross | None:
    """The best of the twins of the model that is mapped from."""
    return max(zoo.twins(cross, controls), key=lambda x: x.best.select, default=None)


def _words(
    zoo: Zoo, metric: str, fields: tuple[str, str], crosses: list[Cross], controls: list[Cross]
) -> list[str]:
    best = crosses[0].best
    share, among = chance(zoo, metric, crosses[0])
    which = {
        "recall_1": "are nearest to their own partner",
        "recall_5": "have their own partner among the five nearest",
        CLASS: "are nearest to their own class",
    }[report_of(metric)]
    found = (
        f"Of {among:,} held-out items mapped from {best.model_a}/{best.layer_a} to {best.model_b}/{best.layer_b}, the "
        f"best of {counted(len(crosses), 'pair')} of models from {fields[0]} to {fields[1]}, a share of "
        f"{within(best.score, best.low, best.high, best.se)} {which}; chance is {fixed(share, 4)} ({p_of(best.p)})"
    )
    twin = _twin(zoo, crosses[0], controls)
    random = "" if twin is None else f"; with random weights it is {rounded(twin.best.score, twin.best.se)}"
    return [f"{found}{random}."]


def _row(zoo: Zoo, metric: str, cross: Cross, twin: Cross | None, q: float) -> list[str]:
    best = cross.best
    share, among = chance(zoo, metric, cross)
    return [
        f"by {FOUND[report_of(metric)]}", best.model_a, best.model_b, f"{best.layer_a}, {best.layer_b}",
        rounded(best.score, best.se), spread(best.low, best.high, best.se), fixed(share, 4), f"{among:,}",
        p_cell(best.p), p_cell(q),
        "–" if twin is None else rounded(twin.best.score, twin.best.se),
    ]  # fmt: skip


def _series(
    zoo: Zoo, metric: str, fields: tuple[str, str], crosses: list[Cross], controls: list[Cross]
) -> list[Series]:
    names = [" to ".join(x.models) for x in crosses]
    twins = [(k, t.best) for k, x in enumerate(crosses) if (t := _twin(zoo, x, controls)) is not None]
    best, at = [x.best for x in crosses], list(range(len(crosses)))
    found = [
        Series(
            " to ".join(fields),
            at,
            [x.score for x in best],
            [x.low for x in best],
            [x.high for x in best],
            names,
        )
    ]
    if twins:
        places, random = zip(*twins)
        found.append(
            Series(
                "random weights", places, [x.score for x in random], [x.low for x in random],
                [x.high for x in random], [names[k] for k in places],
            )
        )  # fmt: skip
    by_chance = [chance(zoo, metric, x)[0] for x in crosses]
    return [*found, Series("chance", [-0.4, *at, at[-1] + 0.4], [by_chance[0], *by_chance, by_chance[-1]])]
