"""Scores kept by what they were computed from, one file a metric, so that a study computes only what is new."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import numpy as np

from consilience.engine.features.schema import digest
from consilience.pipelines.console import Console
from consilience.pipelines.prepare import Comparison, Name, Prepared, Profiling
from consilience.pipelines.steps import steps_of

if TYPE_CHECKING:
    import xarray as xr

BY_METRIC = ("metrics", "notes", "reasons")  # attributes that map a metric, or "metric|a|b", to something
Group = TypeVar("Group", Comparison, Profiling)


class ScoreCache:
    """Score tables of one metric each, in `folder`, under the digest of everything that decides their values."""

    def __init__(self, folder: Path):
        self.folder = folder

    def known(self, prepared: Prepared) -> list[str]:
        """The metrics of a study whose scores are here."""
        keys = score_keys(prepared) | profile_keys(prepared)
        return [m for m, key in keys.items() if self.holds(key)]

    def holds(self, key: str) -> bool:
        """Whether there are scores under `key`."""
        return (self.folder / f"{key}.nc").is_file()

    def find(self, key: str) -> "xr.Dataset | None":
        """The scores under `key`, or None."""
        from consilience.engine.scores import open_scores

        path = self.folder / f"{key}.nc"
        return open_scores(path) if path.is_file() else None

    def keep(self, key: str, scores: "xr.Dataset") -> None:
        """Store `scores`; the file appears whole or not at all."""
        from consilience.engine.scores import save

        self.folder.mkdir(parents=True, exist_ok=True)
        half = self.folder / f".{uuid4().hex}.nc"
        try:
            save(scores, half)
            os.replace(half, self.folder / f"{key}.nc")
        finally:
            half.unlink(missing_ok=True)


def completed(
    cache: ScoreCache,
    groups: Sequence[Group],
    keys: dict[str, str],
    compute: "Callable[[Group, Any], xr.Dataset]",
    what: str,
    console: Console,
) -> "dict[str, xr.Dataset]":
    """The scores of every metric of `groups`, by metric, in the order of `keys`: from the cache and, for what it lacks,
    from one sweep a group, kept the moment it ends. `what` is a word for what is done."""
    parts = {metric: cache.find(key) for metric, key in keys.items()}
    if any(part is None for part in parts.values()):
        console.say(what)
        with console.watching() as progress:
            for group in groups:
                new = tuple(m for m in group.metrics if parts[m] is None)
                if new:
                    found = compute(replace(group, metrics=new), progress)
                    for metric, part in split(found).items():
                        cache.keep(keys[metric], part)
                        parts[metric] = part
    return {metric: part for metric, part in parts.items() if part is not None}


def score_keys(prepared: Prepared) -> dict[str, str]:
    """Metric of two representations -> the digest of everything that decides its scores: the id, the representations
    by the digests of their tables and their preprocessing, the settings that change values, and the version of the
    code."""
    settings = _settings(prepared, "null", "permutations", "groups", "seed", "precision", "until_se")
    return {
        metric: digest(
            {
                "metric": metric,
                "a": _side(prepared, comparison.a),
                "b": None if comparison.b is None else _side(prepared, comparison.b),
                "settings": settings,
                "labels": prepared.labels if takes_labels(metric) else None,
                "version": version("consilience"),
            }
        )
        for comparison in prepared.comparisons()
        for metric in comparison.metrics
    }


def profile_keys(prepared: Prepared) -> dict[str, str]:
    """Metric of one representation -> the digest of everything that decides its scores, as for `score_keys`."""
    return {
        metric: digest(
            {
                "metric": metric,
                "a": _side(prepared, profiling.a),
                "settings": _settings(prepared, "groups", "seed"),
                "labels": prepared.labels if takes_labels(metric) else None,
                "version": version("consilience"),
            }
        )
        for profiling in prepared.profiles()
        for metric in profiling.metrics
    }


def takes_labels(metric: str) -> bool:
    """Whether the metric of that id looks at the labels of the samples."""
    from consilience.engine.metrics import parse

    return parse(metric).labelled


def _side(prepared: Prepared, names: Sequence[Name]) -> list[list[str]]:
    tables = {x.name: x.digest for x in prepared.seats}
    steps = {model: [x.id for x in asked] for model, asked in steps_of(prepared).items()}
    return [[model, layer, tables[model], *steps[model]] for model, layer in names]


def _settings(prepared: Prepared, *names: str) -> dict[str, Any]:
    return {name: getattr(prepared.study, name) for name in names}


def split(scores: "xr.Dataset") -> "dict[str, xr.Dataset]":
    """One score table, or profile, a metric; of the attributes kept by metric (`BY_METRIC`), each gets its own."""
    found = {}
    for metric in (str(m) for m in scores["metric"].values):
        one = scores.sel(metric=[metric])
        one.attrs = dict(scores.attrs)
        for name in BY_METRIC:
            if name in one.attrs:
                kept = {
                    k: v for k, v in json.loads(one.attrs[name]).items() if (k + "|").startswith(metric + "|")
                }
                one.attrs[name] = json.dumps(kept)
        found[metric] = one
    return found


def merge(
    parts: "Sequence[xr.Dataset]", a: Sequence[Name], b: Sequence[Name], attrs: dict[str, Any]
) -> "xr.Dataset":
    """One score table over the representations `a` and `b` from `parts` of one metric each; NaN where a part has no
    score. `q` is corrected over the whole."""
    from consilience.engine.scores import VARIABLES, assemble, label

    rows, columns = ({label(*x): i for i, x in enumerate(side)} for side in (a, b))
    values = {name: np.full((len(parts), len(a), len(b)), np.nan) for name in VARIABLES if name != "q"}
    for k, part in enumerate(parts):
        at = np.ix_([rows[str(x)] for x in part["a"].values], [columns[str(x)] for x in part["b"].values])
        for name in values:
            values[name][k][at] = part[name].values[0]
    nested = {
        name: json.dumps({k: v for part in parts for k, v in json.loads(part.attrs.get(name, "{}")).items()})
        for name in (*BY_METRIC, "preprocess", "preprocess_steps")
    }
    coords: dict[str, Any] = {
        name: [part[name].values[0].item() for part in parts]
        for name in ("groups", "groups_holdout", "direction", "null")
    }
    ids = [str(part["metric"].values[0]) for part in parts]
    return assemble(values, a, b, ids, **coords, attrs={**nested, **attrs})
