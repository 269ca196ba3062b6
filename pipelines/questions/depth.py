"""Do modalities converge with depth? The slope of the cross-modal score over the depth of the layers of a model."""

from dataclasses import dataclass

import numpy as np

from consilience.engine.inference.interval import interval
from consilience.engine.inference.jackknife import standard_error
from consilience.engine.inference.null import benjamini_hochberg
from consilience.pipelines.questions.answer import Answer, Chart, Series
from consilience.pipelines.questions.contrasts import Contrast, from_left_out
from consilience.pipelines.questions.over_models import Mean, mean
from consilience.pipelines.questions.wording import amount, p_cell, p_of, paragraphs, spread, within
from consilience.pipelines.questions.zoo import Cross, Zoo
from consilience.pipelines.report.numbers import counted, rounded
from consilience.pipelines.zoo.words import metric_words

LAYERS = 3  # of a model, for a slope over its depth
HEADER = (
    "Metric", "Models", "Over the depth of", "Layers", "Slope", "95 % interval", "p", "q", "Random twin",
    "Interval of that",
)  # fmt: skip
METHOD = """\
For every layer of a model the mean of its scores with all layers of the model of the other modality; no layer is
chosen. The slope is that of the least-squares line of these means over relative depth, 0 at the first of the layers
that were compared and 1 at the last: what the whole depth adds.

Layers of one model are alike, and all scores are of the same samples: no test may take them as independent. The slope
is one number of the samples, and its error is that of the jackknife over row groups, all layers alike in each; p is
two-sided, by Student's t with groups - 1 degrees of freedom, and speaks of other samples for these very models. q is
corrected over the pairs of models (Benjamini–Hochberg).

A mean over pairs of models has two errors: over samples, as above, for these models; and over models, by the
jackknife over the models of either side, each left out with all its pairs, which takes three models on either side.

A random twin tells how far depth alone, without training, changes the score.
"""


@dataclass(frozen=True)
class Trend:
    """Over the depth of one model of a cross, the first or the second of its modalities: depths and mean scores of its
    layers, the slope without each row group (G,), and the slope as it is held against 0."""

    cross: Cross
    side: int
    depth: np.ndarray
    score: np.ndarray
    error: np.ndarray
    without: np.ndarray
    slope: Contrast


def trend(zoo: Zoo, metric: str, cross: Cross, side: int) -> Trend | None:
    """See `METHOD`; None for a model of fewer than three layers, and where scores without row groups were not kept.

    Scores are turned so that more is more alike.
    """
    axis = 1 - side if cross.turned else side
    places, depth = ((cross.rows, zoo.depth["a"]), (cross.columns, zoo.depth["b"]))[axis]
    if len(places) < LAYERS or metric not in zoo.left_out:
        return None
    cells = np.ix_(cross.rows, cross.columns)
    every = np.concatenate(
        [
            zoo.scores["score"].sel(metric=metric).values[cells][None],
            zoo.left_out[metric][:, cells[0], cells[1]],
        ]
    )
    means = zoo.sign(metric) * every.mean(axis=2 - axis)  # (1 + G, layers)
    x = depth[places] - depth[places].mean()
    slopes = means @ x / (x @ x)
    slope = from_left_out(float(slopes[0]), slopes[1:])
    return Trend(cross, side, depth[places], means[0], standard_error(means[1:]), slopes[1:], slope)


def together(trends: list[Trend]) -> Contrast:
    """The mean slope of these pairs of models over samples, which all of them share."""
    value = float(np.mean([x.slope.value for x in trends]))
    return from_left_out(value, np.mean([x.without for x in trends], axis=0))


def answer(zoo: Zoo) -> Answer:
    """The answer by every metric, in words and charts by the first."""
    sentences: list[str] = []
    rows: list[list[str]] = []
    charts: list[Chart] = []
    for k, metric in enumerate(zoo.metrics):
        for fields in zoo.fields(metric):
            crosses, controls = zoo.crosses(metric, fields), zoo.crosses(metric, fields, controls=True)
            for side in (0, 1):
                found = [y for x in crosses if (y := trend(zoo, metric, x, side)) is not None]
                if not found:
                    continue
                random = (
                    [y for x in controls if (y := trend(zoo, metric, x, side)) is not None]
                    if side == 0
                    else []
                )
                q = benjamini_hochberg(np.array([x.slope.p for x in found]))
                twins = [_twin(zoo, x, random) for x in found]
                rows += [_row(metric, x, float(y), t) for x, y, t in zip(found, q, twins)]
                if k == 0:
                    sentences += _words(metric, fields, side, found, q, twins)
                    charts.append(_chart(zoo, metric, fields, side, found, random))
    caption = "Mean scores of every layer with all layers of the other model, with their 95 % intervals over samples."
    return Answer(
        "Do modalities converge with depth?", sentences, HEADER, rows, paragraphs(METHOD), charts, caption
    )


def _twin(zoo: Zoo, found: Trend, random: list[Trend]) -> Trend | None:
    twins = zoo.twins(found.cross, [x.cross for x in random])
    return next((x for x in random if any(x.cross is twin for twin in twins)), None)


def _words(
    metric: str,
    fields: tuple[str, str],
    side: int,
    found: list[Trend],
    q: np.ndarray,
    twins: list[Trend | None],
) -> list[str]:
    field, other = fields[side], fields[1 - side]
    s = together(found)
    models: Mean = mean({x.cross.models: x.slope.value for x in found})
    way = "grows" if s.value > 0 else "falls"
    sure = "" if s.p < 0.05 else ", which other samples could turn round"
    rise, fall = (sum(bool(y < 0.05) and w * x.slope.value > 0 for x, y in zip(found, q)) for w in (1, -1))
    over = (
        f" Over models the 95 % interval is {spread(models.low, models.high, models.se)}."
        if np.isfinite(models.low)
        else " For other models nothing can be said: that takes three on either side."
    )
    said = [
        f"By {metric_words(metric)}, the agreement with {other} {way} over the depth of the {field} models, by "
        f"{amount(s.value, s.low, s.high, s.se)} from the first layer to the last ({p_of(s.p)} over samples, mean of "
        f"{counted(len(found), 'pair')} of models){sure}: it rises in {rise} and falls in {fall} of them "
        f"(q < 0.05).{over}"
    ]
    with_twin = [(x, t) for x, t in zip(found, twins) if t is not None]
    if with_twin:
        trained, random = map(list, zip(*with_twin))
        t, mine = together(random), together(trained)
        apart = np.mean([x.without - y.without for x, y in with_twin], axis=0)
        less = from_left_out(mine.value - t.value, apart)
        said.append(
            f"In twins with random weights it changes by {within(t.value, t.low, t.high, t.se)}; training adds "
            f"{within(less.value, less.low, less.high, less.se)} to the slope ({p_of(less.p)})."
        )
    return said


def _row(metric: str, found: Trend, q: float, twin: Trend | None) -> list[str]:
    s = found.slope
    own = None if twin is None else twin.slope
    return [
        metric_words(metric), found.cross.words, found.cross.models[found.side], str(len(found.depth)),
        rounded(s.value, s.se), spread(s.low, s.high, s.se), p_cell(s.p), p_cell(q),
        "–" if own is None else rounded(own.value, own.se), "–" if own is None else spread(own.low, own.high, own.se),
    ]  # fmt: skip


def _chart(
    zoo: Zoo, metric: str, fields: tuple[str, str], side: int, found: list[Trend], random: list[Trend]
) -> Chart:
    groups, series = len(zoo.left_out[metric]), []
    for one in (*found, *random):
        low, high = interval(one.score, one.error, groups)
        name, other = one.cross.models[side], one.cross.models[1 - side]
        series.append(Series(f"{name} with {other}", one.depth, one.score, low, high, line=True))
    return Chart(
        f"Over the depth of the {fields[side]} models", "depth", f"mean score with {fields[1 - side]}", series
    )
