"""What the history draws a line of, over the runs of a study: pairs of models, or models in regions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from consilience.engine.alignment.over_subjects import spread
from consilience.engine.inference.interval import quantile
from consilience.pipelines.reevaluate.kinds import BRAINS, of_table
from consilience.pipelines.reevaluate.subjects import names_of
from consilience.pipelines.report.best import best_pairs
from consilience.pipelines.report.numbers import number

if TYPE_CHECKING:
    import xarray as xr


@dataclass
class Series:
    """A score over the runs `at` which there is one, with its 95 % interval. `models` are the two that it is of, `key`
    the names under which runs are compared, `shown` what a reader is told of the two."""

    models: tuple[str, str]
    key: tuple[str, str]
    shown: tuple[str, str]
    at: list[int] = field(default_factory=list)
    score: list[float | None] = field(default_factory=list)
    low: list[float | None] = field(default_factory=list)
    high: list[float | None] = field(default_factory=list)

    def add(self, run: int, value: float, half: float) -> None:
        """The score of a run, unless there is none."""
        if np.isfinite(value):
            self.at.append(run)
            self.score.append(number(value))
            self.low.append(number(value - half))
            self.high.append(number(value + half))


def metrics_of(table: "xr.Dataset") -> list[str]:
    """The metrics, or measures, of a table, each once."""
    names = table["measure" if of_table(table) is BRAINS else "metric"].values
    return list(dict.fromkeys(str(m) for m in names))


def models_in(table: "xr.Dataset") -> int:
    """How many models there are."""
    names = ["model"] if of_table(table) is BRAINS else ["model_a", "model_b"]
    return len({str(m) for name in names for m in table[name].values} - {""})


def series_of(metric: str, tables: "Sequence[xr.Dataset]") -> list[Series]:
    """All of one metric, by the last table first."""
    return (_of_brains if of_table(tables[-1]) is BRAINS else _of_models)(metric, tables)


def _of_models(metric: str, tables: "Sequence[xr.Dataset]") -> list[Series]:
    """Each pair of models by the pair of layers that one half of the samples chooses in the last run that has it; the
    scores are those of all samples."""
    chosen: dict[tuple[str, str], tuple[str, str]] = {}
    for scores in reversed(tables):
        if metric in scores["metric"].values:
            symmetric = json.loads(scores.attrs["metrics"]).get(metric, {}).get("symmetric", False)
            for (a, b), best in best_pairs(scores, metric).items():
                if (a, b) not in chosen and not (symmetric and (b, a) in chosen):
                    chosen[a, b] = str(scores["a"].values[best.a]), str(scores["b"].values[best.b])
    found = [Series(models, layers, layers) for models, layers in chosen.items()]
    for one in found:
        a, b = one.key
        for run, scores in enumerate(tables):
            if metric in scores["metric"].values and a in scores["a"].values and b in scores["b"].values:
                at = scores.sel(metric=metric, a=a, b=b)
                half = float(quantile(at["groups"].item())) * at["se"].item()
                one.add(run, at["score"].item(), half)
    return found


def _of_brains(metric: str, tables: "Sequence[xr.Dataset]") -> list[Series]:
    """Each model in each region: the mean over subjects; a reader is told the layer that most of them take."""
    found: dict[tuple[str, str], Series] = {}
    for run in reversed(range(len(tables))):
        for name, layer in zip(names_of(tables[run]), tables[run]["layer"].values):
            if name[0] == metric:
                key = name[1:]
                shown = (f"{key[0]}/{layer}" if layer else key[0], key[1])
                found.setdefault(key, Series(key, key, shown))
    for run, table in enumerate(tables):
        over = spread(table["score"].transpose("row", "subject").values)
        half = quantile(over.count) * over.se
        for row, (measure, model, region) in enumerate(names_of(table)):
            if measure == metric:
                found[model, region].add(run, float(over.mean[row]), float(half[row]))
    return list(found.values())
