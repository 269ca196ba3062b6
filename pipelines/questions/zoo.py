"""The score table as questions look at it: models by what they are, pairs of modalities, errors that go together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from consilience.pipelines.report.best import Best, best_pairs, names, sign
from consilience.pipelines.report.traits import depths
from consilience.pipelines.zoo.words import FIELDS, is_control

Cell = tuple[int, int]
T = TypeVar("T")


@dataclass(frozen=True)
class Cross:
    """Two models of different modalities: `rows` and `columns` of the table are their layers that a metric has scores
    of, and `best` is the pair of these that one half of the samples chooses, as the other half scores it. `turned`: the
    table has them the other way round than they were asked for."""

    best: Best
    rows: np.ndarray
    columns: np.ndarray
    turned: bool = False

    @property
    def models(self) -> tuple[str, str]:
        """In the order of the modalities asked for."""
        return self.ordered(self.best.model_a, self.best.model_b)

    def ordered(self, a: T, b: T) -> tuple[T, T]:
        """What belongs to side a and to side b of the table, in that order."""
        return (b, a) if self.turned else (a, b)

    @property
    def words(self) -> str:
        return f"{self.best.model_a} and {self.best.model_b}"


@dataclass(frozen=True)
class Zoo:
    """A score table. `left_out` has of a metric its scores without each row group in turn, (groups, A, B)."""

    scores: xr.Dataset
    left_out: Mapping[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def cards(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = json.loads(self.scores.attrs.get("cards", "{}"))
        return found

    @cached_property
    def metrics(self) -> list[str]:
        return [str(m) for m in self.scores["metric"].values]

    @cached_property
    def models(self) -> list[str]:
        return list(dict.fromkeys(names(self.scores, "a") + names(self.scores, "b")))

    @cached_property
    def controls(self) -> set[str]:
        """The models with random weights."""
        return {m for m in self.models if is_control(self.cards.get(m, {}))}

    @cached_property
    def depth(self) -> dict[str, np.ndarray]:
        """Of side a and of side b the place of every layer in its model, from 0 to 1."""
        return {side: depths(self.scores[f"model_{side}"].values.astype(str)) for side in "ab"}

    def field(self, model: str) -> str:
        """``vision``, ``language`` or ``speech``, by what the model is shown; empty where that is not known."""
        return FIELDS.get(str(self.cards.get(model, {}).get("modality", "")), "")

    def sign(self, metric: str) -> int:
        return sign(self.scores, metric)

    def groups(self, metric: str) -> int:
        """The row groups behind the error of a held-out score."""
        return int(self.scores["groups_holdout"].sel(metric=metric).item())

    def crosses(self, metric: str, fields: tuple[str, str], controls: bool = False) -> list[Cross]:
        """The pairs of models of these two modalities, the first on side a where the table has them so; of trained
        models, or with `controls` those of which the first is a control."""
        there = np.isfinite(self.scores["score"].sel(metric=metric).values)
        models_a, models_b = (self.scores[f"model_{side}"].values.astype(str) for side in "ab")
        pairs, found = best_pairs(self.scores, metric), []
        turned = {k for k in pairs if k[::-1] in pairs}
        for (a, b), best in pairs.items():
            mine = (self.field(a), self.field(b))
            if mine != fields and not (mine == fields[::-1] and (a, b) not in turned):
                continue
            first, other = (a, b) if mine == fields else (b, a)
            if other in self.controls or (first in self.controls) != controls:
                continue
            rows, columns = np.flatnonzero(models_a == a), np.flatnonzero(models_b == b)
            block = there[np.ix_(rows, columns)]
            found.append(
                Cross(best, rows[block.any(axis=1)], columns[block.any(axis=0)], turned=mine != fields)
            )
        return found

    def twins(self, cross: Cross, controls: Sequence[Cross]) -> list[Cross]:
        """Those of `controls` with the lineage and size of the first model of `cross`, and with the same second one."""
        (a, b), said = cross.models, ("lineage", "parameters")
        mine = [self.cards.get(a, {}).get(k) for k in said]
        return [
            x
            for x in controls
            if x.models[1] == b and [self.cards.get(x.models[0], {}).get(k) for k in said] == mine
        ]

    def fields(self, metric: str) -> list[tuple[str, str]]:
        """The pairs of modalities of which trained models were compared."""
        return [x for x in combinations(FIELDS.values(), 2) if self.crosses(metric, x)]

    def covariance(self, metric: str, cells: list[Cell], others: list[Cell] | None = None) -> np.ndarray:
        """(K, L): of the held-out scores of those cells with those of `others` (default: the same), over samples.

        Their errors are those of the held-out half; how these go together is the correlation of the scores without each
        row group of all samples. Where that was not kept they are taken as independent, which is wide for differences.
        """
        sides = [np.array(x).T for x in (cells, cells if others is None else others)]
        (i, j), (k, l) = sides
        together = (np.equal.outer(i, k) & np.equal.outer(j, l)).astype(float)
        if metric in self.left_out:
            one, other = (_standard(self.left_out[metric][:, x, y]) for x, y in sides)
            together = np.where(together > 0, 1.0, np.nan_to_num(one.T @ other))
        se = self.scores["se_holdout"].sel(metric=metric).values
        return np.asarray(together * np.outer(se[i, j], se[k, l]))


def _standard(values: np.ndarray) -> np.ndarray:
    """(G, K): columns of mean 0 and length 1, so that their products are correlations; NaN where one is constant."""
    centred = values.astype(float) - values.mean(axis=0, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(centred / np.linalg.norm(centred, axis=0))
