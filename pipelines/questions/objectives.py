"""Do models of one objective see alike, and is who agrees with whom the same on other stimuli?"""

from collections.abc import Sequence

import numpy as np

from consilience.engine.audit.wording import listed
from consilience.engine.inference.null import benjamini_hochberg
from consilience.pipelines.questions.agreement import MODELS, agreement
from consilience.pipelines.questions.answer import Answer, Chart, Heat, Series
from consilience.pipelines.questions.kinds import kind
from consilience.pipelines.questions.over_models import Permuted, orders, permuted
from consilience.pipelines.questions.wording import p_cell, p_of, paragraphs
from consilience.pipelines.questions.zoo import Zoo
from consilience.pipelines.report.best import best_pairs
from consilience.pipelines.report.numbers import counted, fixed
from consilience.pipelines.zoo.words import metric_words
from consilience.pipelines.zoosite.site import square
from consilience.pipelines.zoosite.statistics import apart, grouping

GROUPS = ("objective", "architecture", "modality")
HEADER = (
    "Stimuli", "Metric", "Models grouped by", "Groups", "Within", "Between", "p", "q", "p within modalities", "least p",
)  # fmt: skip
METHOD = """\
Scores are the best held-out ones of every two trained models, the two directions of a directed metric averaged.
Objectives are told in one word from the models' cards: supervised, contrastive, autoregressive, masked,
self-distillation and others.

Within and between are mean scores of two models of one group, and of two groups. Pairs that share a model are not
independent: p is one-sided, that models of a group are more alike, by 999 permutations of which model is in which
group; q is corrected over this table (Benjamini–Hochberg). Objectives go with modalities: the last p permutes models
within their modality only, so that what two modalities differ by plays no part in it; its least value says how much
so few models could show at best (1: nothing).

The rank correlation (Spearman) is that of all pairs of trained models between two sets of stimuli, or two metrics.
Its p is one-sided, by orders of the models in one of the two tables (Mantel), all of them or 999 drawn; its interval
is that of the jackknife over models, each left out with all its pairs, on Fisher's scale. It speaks of other models,
and holds noise of the samples too: of two noisy tables it is lower than of two exact ones.
"""


def within_modalities(
    labels: Sequence[str], strata: Sequence[str], scores: np.ndarray, sign: int
) -> Permuted | None:
    """As `grouping`, with models permuted within `strata` only; None where labels do not differ within any."""
    kept = [i for i, x in enumerate(labels) if x]
    names, table = np.array([labels[i] for i in kept], object), scores[np.ix_(kept, kept)]
    of = [strata[i] for i in kept]
    free = any(len({n for n, s in zip(names, of) if s == x}) > 1 for x in of)
    if not free or not np.isfinite(sum(apart(names, table))):
        return None

    def statistic(order: np.ndarray) -> float:
        same, other = apart(names[order], table)
        return sign * (same - other)

    found = permuted(statistic, [list(dict.fromkeys(of)).index(x) for x in of])
    different = len({tuple(names[x]) for x in orders([of.index(x) for x in of])})
    return Permuted(found.p, max(found.least, 1 / different), found.orders)


def answer(zoo: Zoo, beside: Zoo | None = None) -> Answer:
    """The answer by every metric; `beside` is the same zoo on other stimuli."""
    sets = [(_stimuli(zoo), zoo)] + ([] if beside is None else [(_stimuli(beside), beside)])
    rows, tested = [], []
    for name, one in sets:
        for metric in one.metrics:
            for by in GROUPS:
                row = _grouped(name, one, metric, by)
                if row is not None:
                    rows.append(row[0])
                    tested.append(row[1])
    q = benjamini_hochberg(np.array(tested, float))
    rows = [[*row[:7], p_cell(float(x)), *row[7:]] for row, x in zip(rows, q)]
    metric = zoo.metrics[0]
    sentences = _groups(zoo, metric)
    charts = [_heat(*x, metric) for x in sets if metric in x[1].metrics]
    if beside is not None:
        for k, shared in enumerate(m for m in zoo.metrics if m in beside.metrics):
            said, chart = _across(zoo, beside, shared)
            sentences += said
            charts += [chart] if k == 0 and chart is not None else []
    else:
        sentences.append(
            "Whether this holds on other stimuli was not asked: `question: {name: objectives, stimuli: SET}` does."
        )
    caption = (
        "Mean held-out scores of models of two objectives; and of every two models on the one set and on the other, "
        "with the 95 % interval of the latter."
    )
    return Answer(
        "Do models of one objective agree, and on other stimuli too?", sentences, HEADER, rows, paragraphs(METHOD),
        charts, caption,
    )  # fmt: skip


def trained(zoo: Zoo, metric: str) -> tuple[list[str], np.ndarray]:
    """The models that are no controls, and the table of their pairs."""
    models, scores = square(zoo.scores, metric)
    kept = [i for i, m in enumerate(models) if m not in zoo.controls]
    return [models[i] for i in kept], scores[np.ix_(kept, kept)]


def labels_of(zoo: Zoo, models: Sequence[str], by: str) -> list[str]:
    """The group of every model; empty where it is not known."""
    found = [str(zoo.cards.get(m, {}).get(by, "")) for m in models]
    return [kind(x) for x in found] if by == "objective" else found


def _stimuli(zoo: Zoo) -> str:
    from consilience.pipelines.report.provenance import attr

    return str(attr(zoo.scores, "stimuli", {}).get("name", "the stimuli"))


def _grouped(name: str, zoo: Zoo, metric: str, by: str) -> tuple[list[str], float] | None:
    models, scores = trained(zoo, metric)
    labels = labels_of(zoo, models, by)
    found = grouping(labels, scores, zoo.sign(metric) > 0)
    if found is None:
        return None
    inner = within_modalities(labels, [zoo.field(m) for m in models], scores, zoo.sign(metric))
    sizes = ", ".join(f"{k} {n}" for k, n in found.sizes.items())
    least = ["–", "–"] if inner is None else [p_cell(inner.p), p_cell(inner.least)]
    return [
        name, metric_words(metric), by, sizes, fixed(found.within, 3), fixed(found.between, 3), p_cell(found.p), *least,
    ], found.p  # fmt: skip


def _groups(zoo: Zoo, metric: str) -> list[str]:
    models, scores = trained(zoo, metric)
    labels = labels_of(zoo, models, "objective")
    found = grouping(labels, scores, zoo.sign(metric) > 0)
    kinds = dict.fromkeys(x for x in labels if x)
    if found is None:
        there = listed([f"{labels.count(x)} {x}" for x in kinds]) or "none is known"
        return [
            f"By {metric_words(metric)} objectives cannot be compared: that takes two models of one of them, and "
            f"another objective (here {there})."
        ]
    more = "more alike" if zoo.sign(metric) * (found.within - found.between) > 0 else "less alike"
    said = [
        f"By {metric_words(metric)}, models of one objective are {more} than models of two: {fixed(found.within, 3)} "
        f"against {fixed(found.between, 3)} on average ({p_of(found.p)}, permuting models over {len(kinds)} "
        "objectives)."
    ]
    inner = within_modalities(labels, [zoo.field(m) for m in models], scores, zoo.sign(metric))
    if inner is None:
        said.append(
            "In this zoo that cannot be told from modality: within each all models have one objective."
        )
    elif inner.least > 0.05:
        said.append(
            "In this zoo that cannot be told from modality: within modalities so few models differ in objective that "
            f"no p below {fixed(inner.least, 2)} is possible."
        )
    else:
        said.append(f"Within modalities, where these cannot be the reason, it is {p_of(inner.p)}.")
    return said


def _across(zoo: Zoo, beside: Zoo, metric: str) -> tuple[list[str], Chart | None]:
    (models, one), (others, other) = trained(zoo, metric), trained(beside, metric)
    both = [m for m in models if m in others]
    names = _stimuli(zoo), _stimuli(beside)
    found = agreement(*(_of(both, *x) for x in ((models, one), (others, other))))
    if found is None:
        few = f"By {metric_words(metric)} the two sets of stimuli share {counted(len(both), 'model')}"
        return [f"{few}; a rank correlation takes {MODELS}."], None
    said = (
        f"By {metric_words(metric)}, who agrees with whom is ordered alike on {names[0]} and {names[1]} to a rank "
        f"correlation of {fixed(found.rho, 2)} over {len(both) * (len(both) - 1) // 2} pairs of models (95 % interval "
        f"over models {fixed(found.low, 2)} to {fixed(found.high, 2)}, {p_of(found.p.p)} over orders of models)."
    )
    return [said], _scatter(zoo, beside, metric, both, names)


def _of(wanted: Sequence[str], models: list[str], scores: np.ndarray) -> np.ndarray:
    at = [models.index(m) for m in wanted]
    return scores[np.ix_(at, at)]


def _scatter(zoo: Zoo, beside: Zoo, metric: str, models: list[str], names: tuple[str, str]) -> Chart:
    first, second = (best_pairs(x.scores, metric) for x in (zoo, beside))
    series: dict[str, list[tuple[float, float, float, float, str]]] = {}
    for i, a in enumerate(models):
        for b in models[i + 1 :]:
            if (a, b) in first and (a, b) in second:
                x, y = first[a, b], second[a, b]
                fields = dict.fromkeys(sorted((zoo.field(a), zoo.field(b))))
                series.setdefault(" with ".join(fields), []).append(
                    (x.score, y.score, y.low, y.high, f"{a} and {b}")
                )
    drawn = []
    for name, points in series.items():
        at, score, low, high, text = zip(*points)
        drawn.append(Series(name, at, score, low, high, text))
    return Chart("Every two models", f"on {names[0]}", f"on {names[1]}", drawn)


def _heat(name: str, zoo: Zoo, metric: str) -> Chart:
    models, scores = trained(zoo, metric)
    labels = labels_of(zoo, models, "objective")
    kinds = list(dict.fromkeys(x for x in labels if x))
    where = [np.array([x == k for x in labels]) for k in kinds]
    off = ~np.eye(len(models), dtype=bool) & np.isfinite(scores)
    values = [[_mean(scores[np.outer(x, y) & off]) for y in where] for x in where]
    return Chart(
        f"Objectives on {name}", "", "", heat=Heat(values, kinds, kinds, distance=zoo.sign(metric) < 0)
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
