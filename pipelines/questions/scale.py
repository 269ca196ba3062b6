"""Does alignment rise with scale? The slope of the score over the size of models of one family, beside random twins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from consilience.engine.inference.interval import quantile
from consilience.pipelines.questions.answer import Answer, Chart, Series
from consilience.pipelines.questions.contrasts import Contrast, weighted
from consilience.pipelines.questions.over_models import Permuted, permuted
from consilience.pipelines.questions.wording import amount, p_cell, p_of, paragraphs, spread, within
from consilience.pipelines.questions.zoo import Cell, Zoo
from consilience.pipelines.report.numbers import counted, fixed, rounded
from consilience.pipelines.zoo.words import metric_words
from consilience.pipelines.zoosite.statistics import line

SIZES = 3  # of a family, for a slope
HEADER = (
    "Metric", "Family", "With", "Models", "Slope", "Over samples", "Over models", "p", "Least p", "Random twins",
    "Twins, over samples", "Trained less twins", "Less twins, over samples",
)  # fmt: skip
METHOD = """\
A family are trained models of one lineage and one modality, of three sizes or more. The score of a model is the mean
of its best held-out scores with the models of another modality. The slope is that of the least-squares line of these
scores over the decimal logarithm of the number of parameters: what ten times the size adds.

Over samples: the 95 % interval that other samples would give for these very models, from the jackknife over row
groups, which are the same for all models. Over models: the interval for the family, from how far the models lie from
the line, by Student's t with as many degrees of freedom as there are models, less two; of three models that is one,
and t is 12.7.

p is one-sided, that scores rise: the share of orders of the sizes among the models, all of them or 999 drawn, with a
slope as large. All models meet the same partners, so that under the null any order is as likely, however much the
partners have in common. The least p is what so few models allow at best. Several families are tested together by the
slope within families, the sizes permuted within each.

A random twin has the architecture and size of a model, and weights that were never trained. A score that rises with
the size of the twins too rises with width and depth, not with what was learned.
"""


@dataclass(frozen=True)
class Family:
    """Models of one lineage with the models of another modality: sizes (M,), scores (M,), and where these are from: for
    every model the cells of the table whose held-out scores they are the mean of."""

    name: str
    fields: tuple[str, str]
    models: list[str]
    size: np.ndarray
    score: np.ndarray
    cells: list[list[Cell]]

    @property
    def x(self) -> np.ndarray:
        return np.log10(self.size)

    @property
    def weights(self) -> np.ndarray:
        """(M,): what the slope makes of every model's score."""
        x = self.x - self.x.mean()
        return np.asarray(x / (x @ x))


@dataclass(frozen=True)
class Slope:
    """What ten times the size adds: for these models, over samples, and for the family, over models."""

    samples: Contrast
    low: float
    high: float


def families(zoo: Zoo, metric: str, controls: bool = False) -> list[Family]:
    """The families that the metric compared with models of another modality; of random twins with `controls`. Twins of
    one size, of several draws, are one by the mean of their scores."""
    found: list[Family] = []
    for fields in (x for pair in zoo.fields(metric) for x in (pair, pair[::-1])):
        crosses = zoo.crosses(metric, fields, controls)
        lineages = dict.fromkeys(_lineage(zoo, x.models, fields)[0] for x in crosses)
        for name in (x for x in lineages if x):
            sizes: dict[float, dict[str, list[Cell]]] = {}
            for cross in crosses:
                named, model = _lineage(zoo, cross.models, fields)
                size = float(zoo.cards.get(model, {}).get("parameters") or np.nan)
                if named == name and size > 0:
                    of = sizes.setdefault(size, {}).setdefault(model, [])
                    of.append((cross.best.a, cross.best.b))
            if len(sizes) < SIZES:
                continue
            cells = [[c for own in sizes[size].values() for c in own] for size in sorted(sizes)]
            held = zoo.scores["score_holdout"].sel(metric=metric).values
            score = np.array([np.mean([held[c] for c in own]) for own in cells])
            models = [" and ".join(sizes[size]) for size in sorted(sizes)]
            found.append(Family(name, fields, models, np.array(sorted(sizes)), score, cells))
    return found


def _lineage(zoo: Zoo, models: tuple[str, str], fields: tuple[str, str]) -> tuple[str, str]:
    """The lineage of the model of the first of `fields`, and that model."""
    model = next(m for m in models if zoo.field(m) == fields[0])
    return lineage(zoo.cards.get(model, {})), model


def lineage(card: Mapping[str, Any]) -> str:
    """The family that a model is of, as its card says; empty where it does not."""
    return str(card.get("lineage") or card.get("architecture") or "")


def slope(zoo: Zoo, metric: str, family: Family, less: Family | None = None) -> Slope:
    """Of a family, or of what it has more than `less` (of the same sizes); in the direction of being more alike."""
    sign, w = zoo.sign(metric), family.weights
    scores = sign * (family.score if less is None else family.score - less.score)
    cells = [c for own in family.cells for c in own]
    each = [wi * sign / len(own) for wi, own in zip(w, family.cells) for _ in own]
    if less is not None:
        cells += [c for own in less.cells for c in own]
        each += [-wi * sign / len(own) for wi, own in zip(w, less.cells) for _ in own]
    held = zoo.scores["score_holdout"].sel(metric=metric).values
    values, weights = np.array([held[c] for c in cells]), np.array(each)
    samples = weighted(values, weights, zoo.covariance(metric, cells), zoo.groups(metric))
    value, intercept = line(family.x, scores)
    left = scores - intercept - value * (family.x - family.x.mean())
    freedom = len(w) - 2
    half = float(quantile(freedom + 1)) * np.sqrt(float(left @ left) / freedom * float(w @ w))
    return Slope(samples, value - half, value + half)


def rising(zoo: Zoo, metric: str, some: Sequence[Family]) -> Permuted:
    """One-sided p of the slope within those families, by orders of the sizes within each."""
    x = np.concatenate([f.x - f.x.mean() for f in some])
    y = zoo.sign(metric) * np.concatenate([f.score - f.score.mean() for f in some])
    strata = [k for k, f in enumerate(some) for _ in f.x]
    return permuted(lambda order: float(x[order] @ y / (x @ x)), strata)


def answer(zoo: Zoo) -> Answer:
    """The answer by every metric, in words and charts by the first."""
    sentences: list[str] = []
    rows: list[list[str]] = []
    charts: list[Chart] = []
    for k, metric in enumerate(zoo.metrics):
        some, twins = families(zoo, metric), families(zoo, metric, controls=True)
        for family in some:
            twin = next((t for t in twins if _twin(t, family)), None)
            own, p = slope(zoo, metric, family), rising(zoo, metric, [family])
            theirs = None if twin is None else slope(zoo, metric, twin)
            less = None if twin is None else slope(zoo, metric, family, twin)
            rows.append(_row(metric, family, own, p, theirs, less))
            if k == 0:
                sentences += _words(metric, family, own, p, theirs, less)
                charts.append(_chart(zoo, metric, family, twin))
        if k == 0 and len(some) > 1:
            together = rising(zoo, metric, some)
            sentences.append(f"Over all {len(some)} families together: {p_of(together.p)}.")
    caption = (
        "Mean held-out scores with the other modality, with their 95 % intervals over samples; the lines are those of "
        "least squares."
    )
    return Answer(
        "Does alignment rise with scale?", sentences, HEADER, rows, paragraphs(METHOD), charts, caption
    )


def _twin(twin: Family, family: Family) -> bool:
    same = twin.name == family.name and twin.fields == family.fields
    return same and bool(np.array_equal(twin.size, family.size))


def _words(
    metric: str, family: Family, own: Slope, p: Permuted, theirs: Slope | None, less: Slope | None
) -> list[str]:
    s, m = own.samples, len(family.size)
    rises = "rises" if s.value > 0 else "falls"
    clear = "also for other samples" if s.p < 0.05 else "which other samples could turn round"
    found = [
        f"By {metric_words(metric)}, the score of {family.name} with {family.fields[1]} {rises} with size, by "
        f"{amount(s.value, s.low, s.high, s.se)} for ten times the parameters, {clear}; the sizes "
        f"span {family.size[-1] / family.size[0]:.2g} times."
    ]
    if p.least > 0.05:
        found.append(
            f"Of the family little is told: {counted(m, 'size')} have {counted(p.orders, 'order')}, so that no p below "
            f"{fixed(p.least, 2)} is possible, whatever the slope ({p_of(p.p)}; 95 % interval over models "
            f"{spread(own.low, own.high, s.se)}). A claim on scale takes four sizes or more, or several families."
        )
    else:
        found.append(
            f"Over models the 95 % interval is {spread(own.low, own.high, s.se)} ({p_of(p.p)} of "
            f"{counted(p.orders, 'order')} of the sizes)."
        )
    if theirs is not None and less is not None:
        d, t = less.samples, theirs.samples
        found.append(
            f"Twins with random weights change by {within(t.value, t.low, t.high, t.se)}; what training adds changes "
            f"by {within(d.value, d.low, d.high, d.se)} for ten times the parameters ({p_of(d.p)} over samples)."
        )
    return found


def _row(
    metric: str, family: Family, own: Slope, p: Permuted, theirs: Slope | None, less: Slope | None
) -> list[str]:
    more = []
    for one in (theirs, less):
        s = None if one is None else one.samples
        more += ["–", "–"] if s is None else [rounded(s.value, s.se), spread(s.low, s.high, s.se)]
    s = own.samples
    return [
        metric_words(metric), family.name, family.fields[1], ", ".join(family.models), rounded(s.value, s.se),
        spread(s.low, s.high, s.se), spread(own.low, own.high, s.se), p_cell(p.p), p_cell(p.least), *more,
    ]  # fmt: skip


def _chart(zoo: Zoo, metric: str, family: Family, twin: Family | None) -> Chart:
    series = []
    factor = float(quantile(zoo.groups(metric)))
    for one, name in ((family, "trained"), (twin, "random weights")):
        if one is None:
            continue
        se = []
        for own in one.cells:
            covariance = zoo.covariance(metric, own)
            se.append(float(np.sqrt(covariance.mean())))
        half = factor * np.array(se)
        series.append(Series(name, one.size, one.score, one.score - half, one.score + half, one.models))
        value, middle = line(one.x, one.score)
        ends = np.array([one.x.min(), one.x.max()])
        series.append(Series(name, 10**ends, middle + value * (ends - one.x.mean()), line=True))
    return Chart(
        f"{family.name} with {family.fields[1]}", "parameters", "mean held-out score", series, log=True
    )
