"""Where do two modalities agree best? The best pair of layers of every two models, and how sure its place is."""

from dataclasses import dataclass

import numpy as np

from consilience.engine.inference.interval import quantile
from consilience.engine.inference.null import benjamini_hochberg
from consilience.pipelines.questions.answer import Answer, Chart, Heat
from consilience.pipelines.questions.contrasts import Contrast, weighted
from consilience.pipelines.questions.over_models import Mean, mean
from consilience.pipelines.questions.wording import p_cell, p_of, paragraphs, spread, within
from consilience.pipelines.questions.zoo import Cross, Zoo
from consilience.pipelines.report.numbers import counted, fixed, rounded
from consilience.pipelines.zoo.words import metric_words

MOST_MAPS = 12
HEADER = (
    "Metric", "Models", "Best layers", "Depths", "Held-out score", "95 % interval", "p", "Not told from it",
    "At depths", "More than the last layers", "Interval of that", "q",
)  # fmt: skip
METHOD = """\
Of every two models of different modalities the pair of layers is the best on one half of the samples; its score is
that of the other half. A depth is the place of a layer among those of its model that were compared: 0 is the first
and 1 the last.

Not told from the best are the pairs of layers whose score on the other half is not lower by more than t se, t the
one-sided 95 % point: they hold the truly best pair in at least 95 of 100 studies, since that is missing only where
the pair that the first half chose beats it so clearly by luck. The error of a difference takes into account that both
scores are of the same samples, by the correlation of their scores without each row group.

More than the last layers is the score of the best pair less that of the last layers of both, on the half that did not
choose; q is its p, two-sided, corrected over the pairs of models (Benjamini–Hochberg).

Pairs that share a model are not independent. The interval of a mean depth is that of the jackknife over the models of
either side, each left out with all its pairs, and is not given with fewer than three models on a side.
"""


@dataclass(frozen=True)
class Spot:
    """The best pair of layers of two models: its depths, the cells that cannot be told from it as places in the rows
    and columns of the cross, their depths, and what it has more than the last layers."""

    cross: Cross
    depths: tuple[float, float]
    alike: list[tuple[int, int]]
    reach: tuple[tuple[float, float], tuple[float, float]]
    gain: Contrast


def spot(zoo: Zoo, metric: str, cross: Cross) -> Spot:
    """See `METHOD`."""
    one = zoo.scores.sel(metric=metric)
    held, best, groups = one["score_holdout"].values, cross.best, zoo.groups(metric)
    cells = [(int(i), int(j)) for i in cross.rows for j in cross.columns if np.isfinite(held[i, j])]
    chosen, last = (best.a, best.b), (int(cross.rows[-1]), int(cross.columns[-1]))
    values = np.array([held[x] for x in cells])
    variance = np.array([one["se_holdout"].values[x] ** 2 for x in cells])
    at = cells.index(chosen)
    shared = zoo.covariance(metric, cells, [chosen])[:, 0]
    se = np.sqrt(np.maximum(variance[at] + variance - 2 * shared, 0))
    behind = zoo.sign(metric) * (values[at] - values)
    factor = float(quantile(groups, level=0.9))
    alike = behind <= (factor * se if np.isfinite(factor) else np.inf)
    depth = (zoo.depth["a"], zoo.depth["b"])
    inside = np.array(cells)[alike]
    ends = [chosen, last if last in cells else chosen]
    two = zoo.sign(metric) * np.array([held[x] for x in ends])
    gain = weighted(two, np.array([1.0, -1.0]), zoo.covariance(metric, ends), groups)
    rows, columns = list(cross.rows), list(cross.columns)
    return Spot(
        cross,
        cross.ordered(float(depth[0][best.a]), float(depth[1][best.b])),
        [(rows.index(i), columns.index(j)) for i, j in inside],
        cross.ordered(_ends(depth[0][inside[:, 0]]), _ends(depth[1][inside[:, 1]])),
        gain,
    )  # fmt: skip


def _ends(x: np.ndarray) -> tuple[float, float]:
    return float(x.min()), float(x.max())


def answer(zoo: Zoo) -> Answer:
    """The answer by every metric, in words and maps by the first."""
    sentences: list[str] = []
    rows: list[list[str]] = []
    charts: list[Chart] = []
    for k, metric in enumerate(zoo.metrics):
        for fields in zoo.fields(metric):
            spots = [spot(zoo, metric, cross) for cross in zoo.crosses(metric, fields)]
            spots.sort(key=lambda x: -zoo.sign(metric) * x.cross.best.select)
            q = benjamini_hochberg(np.array([x.gain.p for x in spots]))
            rows += [_row(metric, x, float(y)) for x, y in zip(spots, q)]
            sentences += _words(zoo, metric, fields, spots, q)[: None if k == 0 else 1]
            if k == 0:
                charts += [_chart(zoo, metric, x) for x in spots]
    caption = (
        "Scores of all layers of two models by the first metric: framed, the pair that one half of the samples "
        "chooses; dots, the pairs that the other half cannot tell from it."
    )
    return Answer(
        "Where do the modalities agree best?",
        sentences,
        HEADER,
        rows,
        paragraphs(METHOD),
        charts[:MOST_MAPS],
        caption,
    )


def _words(zoo: Zoo, metric: str, fields: tuple[str, str], spots: list[Spot], q: np.ndarray) -> list[str]:
    first, second = fields
    means = [mean({x.cross.models: x.depths[side] for x in spots}) for side in (0, 1)]
    where = " and ".join(
        f"{_depth(m)} of the depth of the {field} {'model' if _models(spots, side) == 1 else 'models'}"
        for side, (m, field) in enumerate(zip(means, fields))
    )
    ranges = " and ".join(
        f"{fixed(min(x.depths[side] for x in spots), 2)} to {fixed(max(x.depths[side] for x in spots), 2)}"
        for side in (0, 1)
    )
    top = spots[0]
    cells = len(top.cross.rows) * len(top.cross.columns)
    best = top.cross.best
    pairs = counted(len(spots), "pair")
    over = f", on average over {pairs} of models (single pairs: {ranges})" if len(spots) > 1 else ""
    found = [
        f"By {metric_words(metric)}, the sweet spot of {first} and {second} lies at {where}{over}.",
        f"The best pair, {best.model_a}/{best.layer_a} and {best.model_b}/{best.layer_b}, scores "
        f"{within(best.score, best.low, best.high, best.se)} on the samples that did not choose it; "
        + (
            "no other pair of layers comes so near that it cannot be told from it."
            if len(top.alike) == 1
            else f"{len(top.alike)} of {counted(cells, 'pair')} of layers, itself one, cannot be told from it, at "
            f"depths {_reach(top.reach[0])} and {_reach(top.reach[1])}."
        ),
    ]  # fmt: skip
    better = sum(bool(x < 0.05) and s.gain.value > 0 for x, s in zip(q, spots))
    gain = top.gain
    found.append(
        f"It has {within(gain.value, gain.low, gain.high, gain.se)} more than the last layers of both "
        f"({p_of(gain.p)}); in {better} of {pairs} of models the best pair is better than the last layers (q < 0.05)."
        if gain.se > 0
        else f"These are the last layers of both; in {better} of {pairs} of models another pair is better than the "
        "last layers (q < 0.05)."
    )
    if len(spots) > 1 and not np.isfinite(means[0].low):
        found.append(
            f"With {_models(spots, 0)} {first} and {_models(spots, 1)} {second} models nothing can be said of others: "
            "an interval takes three on either side."
        )
    return found


def _models(spots: list[Spot], side: int) -> int:
    return len({x.cross.models[side] for x in spots})


def _depth(found: Mean) -> str:
    if not np.isfinite(found.low):
        return fixed(found.value, 2)
    low, high = max(found.low, 0.0), min(found.high, 1.0)
    return f"{fixed(found.value, 2)} (95 % interval {fixed(low, 2)} to {fixed(high, 2)})"


def _reach(ends: tuple[float, float]) -> str:
    return f"{fixed(ends[0], 2)} to {fixed(ends[1], 2)}"


def _row(metric: str, found: Spot, q: float) -> list[str]:
    best, gain = found.cross.best, found.gain
    same = gain.se == 0
    return [
        metric_words(metric), found.cross.words, f"{best.layer_a}, {best.layer_b}",
        f"{fixed(found.depths[0], 2)}, {fixed(found.depths[1], 2)}", rounded(best.score, best.se),
        spread(best.low, best.high, best.se), p_cell(best.p),
        f"{len(found.alike)} of {len(found.cross.rows) * len(found.cross.columns)}",
        f"{_reach(found.reach[0])}, {_reach(found.reach[1])}",
        "they are the best" if same else rounded(gain.value, gain.se),
        "–" if same else spread(gain.low, gain.high, gain.se), "–" if same else p_cell(q),
    ]  # fmt: skip


def _chart(zoo: Zoo, metric: str, found: Spot) -> Chart:
    cross = found.cross
    values = zoo.scores["score"].sel(metric=metric).values[np.ix_(cross.rows, cross.columns)]
    layers = [
        [str(zoo.scores[f"layer_{side}"].values[i]) for i in at]
        for side, at in (("a", cross.rows), ("b", cross.columns))
    ]
    best = (
        int(np.flatnonzero(cross.rows == cross.best.a)[0]),
        int(np.flatnonzero(cross.columns == cross.best.b)[0]),
    )
    heat = Heat(values.tolist(), layers[0], layers[1], best, found.alike, zoo.sign(metric) < 0)
    return Chart(cross.words, cross.best.model_b, cross.best.model_a, heat=heat)
