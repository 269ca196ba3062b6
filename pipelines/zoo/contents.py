"""What decides the scores of a study: the content of each representation, and what all pairs have in common.

A score depends on its two representations and on little else; what else there is stands in the context: the samples
that all models have, the settings that change values, and the version of the code. A context that changes is other
scores for all pairs, and nothing that exists is lost by it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np

from consilience.engine.features.schema import digest
from consilience.engine.pairs import pairs_of
from consilience.engine.planning import first_order_groups
from consilience.pipelines.seats import Seat, layer_free
from consilience.pipelines.studyfiles.steps import steps_of
from consilience.pipelines.zoo.prepare import Comparison, Name, Prepared, Profiling


def contents(prepared: Prepared, names: Iterable[Name]) -> dict[Name, str]:
    """The digest of the features of each representation, and of the steps that come before the metrics."""
    seats, steps = {x.name: x for x in prepared.seats}, steps_of(prepared)
    return {
        (model, layer): digest(
            {
                "name": [model, layer],
                "features": features_of(seats[model], layer),
                "steps": [x.id for x in steps[model]],
            }
        )
        for model, layer in dict.fromkeys(names)
    }


def features_of(seat: Seat, layer: str) -> Any:
    """What decides the features of a layer: whichever layers were extracted with it."""
    spec = seat.spec
    known = {x["name"]: x for x in spec.get("layers", [])}
    if layer not in known:
        return [seat.digest, layer]
    return {**layer_free(spec), "layer": known[layer]}


@dataclass(frozen=True)
class Samples:
    """The samples that all of some models have, in the order of the first by name; and how many each has beyond."""

    ids: np.ndarray
    dropped: dict[str, int]

    @cached_property
    def digest(self) -> str:
        return digest({"ids": [str(x) for x in self.ids]})


def samples_of(prepared: Prepared, models: Collection[str]) -> Samples:
    """The samples that all of `models` have; of one not yet extracted, as if none were rejected."""
    seats = sorted((x for x in prepared.seats if x.name in models), key=lambda x: x.name)
    every = {x.name: x.sample_ids for x in seats}
    first = every[seats[0].name]
    if all(len(ids) == len(first) and bool(np.all(ids == first)) for ids in every.values()):
        return Samples(first, {})
    common = set.intersection(*({*ids} for ids in every.values()))
    kept = np.array([x for x in first if x in common], object)
    return Samples(
        kept,
        {x.name: x.samples - len(kept) for x in prepared.seats if x.name in models and x.samples > len(kept)},
    )


def contexts(prepared: Prepared, comparison: Comparison, samples: Samples) -> dict[str, str]:
    """Metric -> the digest of what else decides the scores of its pairs."""
    return {metric: digest(plain) for metric, plain in decisive(prepared, comparison, samples).items()}


def decisive(prepared: Prepared, comparison: Comparison, samples: Samples) -> dict[str, dict[str, Any]]:
    """Metric -> what else decides the scores of its pairs, as plain JSON.

    That is, beside samples and settings: the precision of arithmetic, which is that of the widest features; of metrics
    on moments the number of row groups, which depends on how many pairs there are; and where random parts are drawn
    until all scores are sure, or products are only as exact as the least sure score needs, all representations.
    """
    from consilience.engine.metrics import parse

    study, names = prepared.study, sides(comparison)
    joint = study.until_se is not None or study.precision != "exact"
    everything = sorted(contents(prepared, names).values()) if joint else None
    settings = ("null", "permutations", "groups", "seed", "precision", "until_se")
    return {
        metric: {
            **_common(prepared, metric, names, samples, settings),
            "row_groups": row_groups(prepared, comparison, samples)
            if parse(metric).needs in ("moments", "triangles")
            else None,
            "together": everything,
        }
        for metric in comparison.metrics
    }


def profile_contexts(prepared: Prepared, profiling: Profiling, samples: Samples) -> dict[str, str]:
    """As `contexts`, of metrics of one representation."""
    return {
        metric: digest(_common(prepared, metric, profiling.a, samples, ("groups", "seed")))
        for metric in profiling.metrics
    }


def sides(comparison: Comparison) -> list[Name]:
    """The representations of both sides, each once."""
    return list(dict.fromkeys([*comparison.a, *(comparison.b or ())]))


def among(comparison: Comparison) -> int:
    """How many pairs there are, each representation with itself counted."""
    at = {name: i for i, name in enumerate(sides(comparison))}
    if comparison.b is None:
        return len(at) * (len(at) + 1) // 2
    return len(pairs_of([at[x] for x in comparison.a], [at[x] for x in comparison.b]))


def row_groups(prepared: Prepared, comparison: Comparison, samples: Samples) -> int:
    """Into how many row groups the metrics on moments fall."""
    return first_order_groups(min(prepared.study.groups, len(samples.ids)), among(comparison))


def takes_labels(metric: str) -> bool:
    """Whether the metric of that id looks at the labels of the samples."""
    from consilience.engine.metrics import parse

    return parse(metric).labelled


def wide(prepared: Prepared, names: Iterable[Name]) -> list[Name]:
    """The representations that are in float64."""
    tables = {x.name: x.table for x in prepared.seats}
    return [
        (model, layer)
        for model, layer in names
        if (table := tables[model]) is not None and table.layers[layer].dtype == "float64"
    ]


def _common(
    prepared: Prepared, metric: str, names: Sequence[Name], samples: Samples, settings: Sequence[str]
) -> dict[str, Any]:
    from consilience.engine.passes.blocks import FEW_SAMPLES

    return {
        "metric": metric,
        "samples": samples.digest,
        "settings": {name: getattr(prepared.study, name) for name in settings},
        "labels": prepared.labels if takes_labels(metric) else None,
        "float64": len(samples.ids) <= FEW_SAMPLES or bool(wide(prepared, names)),
        "version": version("consilience"),
    }
