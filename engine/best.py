"""The best layer pair of every two models, on all samples, beside the best that unrelated models would have."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.comparison import Comparison, Features
from consilience.engine.errors import BadInput
from consilience.engine.inference.maximum import LEAST_PERMUTATIONS, critical, extreme, where_extreme
from consilience.engine.inference.null import benjamini_hochberg, calibrated, from_permutations
from consilience.engine.linalg import one_thread
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.executors import on_executor
from consilience.engine.progress import Progress, silent
from consilience.engine.scoring import permuted
from consilience.engine.scoring.crosses import check_memory
from consilience.engine.scoring.models import Models, by_model
from consilience.engine.scoring.setting import Setting
from consilience.engine.scoring.settled import Known, put_back
from consilience.engine.scoring.table import provenance

NUMBERS = ("score", "null_mean", "null_sd", "threshold", "p", "q", "calibrated")


@on_executor
def best_layers(
    a: Features,
    b: Features | None = None,
    metrics: Iterable[str | Mapping[str, Any]] = ("cka",),
    *,
    permutations: int = 200,
    progress: Progress = silent,
    **options: Any,
) -> xr.Dataset:
    """The best layer pair of every two models, chosen and scored on all samples, with a p that allows for the choice.

    The best of many pairs is high by chance alone, the more so the more layers there are. The null is therefore the
    best layer pair when the samples of one model are permuted, all its layers alike: p = (1 + #{bests of permutations
    at least as good}) / (1 + permutations). Source: Gröger 2026.

    Args:
        a, b, metrics: as for `compare`; arrays are named ``"model/layer"``. Layers of one model are not compared.
        permutations: at least 19; the least p there can be is 1 / (1 + permutations).
        options: `budget`, `device`, `seed`, `executor`, `address` and `threads` of `compare`. Metrics on kernels and
            distances hold n × n matrices, two at least, in half of the budget; CKA with the linear kernel does without
            where that is quicker or they do not fit.

    Returns:
        A Dataset over (metric, a, b), a and b being models; NaN for a model with itself.

        - ``layer_a``, ``layer_b``, ``score``: the best pair and its score, the same as in the table of `compare`
        - ``null_mean``, ``null_sd``, ``threshold``: of the best pair of unrelated models; the threshold is the 95 %
          point, the observed score among the draws
        - ``p``, ``q``: one-sided, and corrected over the table (Benjamini-Hochberg)
        - ``calibrated``: max(0, (score - threshold) / (best possible - threshold)), above 0 exactly where p <= 0.05

    Raises:
        BadInput: before any compute, for input that cannot be compared and for a budget too small.
    """
    start = time.perf_counter()
    if permutations < LEAST_PERMUTATIONS:
        raise BadInput(
            f"permutations of {LEAST_PERMUTATIONS} or more, or no p can be 0.05", f"permutations={permutations}",
            "use permutations=200, the default",
        )  # fmt: skip
    comparison = Comparison(
        a, b, metrics, se=False, null=False, groups=1, permutations=permutations, **options
    )
    for r in comparison.requests:
        _refuse(r)
    models = by_model(comparison.representations, comparison.a, comparison.b)
    if not models.blocks:
        raise BadInput(
            "layers of two models or more", f"those of {', '.join(models.a)} alone",
            "name arrays 'model/layer', or give the tables of several models",
        )  # fmt: skip
    setting = replace(comparison.setting(progress), pairs=models.layer_pairs())
    check_memory(comparison.requests, setting)
    with one_thread() if comparison.device == "cpu" else nullcontext():
        observed, draws = _drawn(comparison.requests, setting, models)
    return _table(comparison, models, observed, draws, time.perf_counter() - start)


def _refuse(request: Request) -> None:
    """Refuse a metric whose scores under one permutation of all samples are not to be had from one sweep."""
    if not permuted.serves(request) or request.repeats:
        raise BadInput(
            "metrics on all samples at once, for the best of many layers", f"{request.id!r}",
            "leave it out, or choose the layers on one half of the samples and score them on the other: score_select "
            "and score_holdout of compare",
        )  # fmt: skip


def _drawn(
    requests: Sequence[Request], setting: Setting, models: Models
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """By metric: all scores (R, R), and the best of every block under each permutation, (permutations, blocks)."""
    observed: dict[str, np.ndarray] = {}
    draws: dict[str, list[np.ndarray]] = {r.id: [] for r in requests}
    known: Known = {}
    for request, scores in permuted.draws(requests, setting):
        if request.id not in observed:
            observed[request.id] = put_back(request, scores[0], setting.representations, known)
        else:
            blocks = (b.of(scores, request.symmetric) for b in models.blocks.values())
            draws[request.id].append(
                np.stack([extreme(b, request.metric.direction) for b in blocks], axis=-1)
            )
    return observed, {k: np.concatenate(runs) for k, runs in draws.items()}


def _table(
    comparison: Comparison,
    models: Models,
    observed: Mapping[str, np.ndarray],
    draws: Mapping[str, np.ndarray],
    seconds: float,
) -> xr.Dataset:
    requests, layers = comparison.requests, [r.layer for r in comparison.representations]
    rows, columns = list(models.a), list(models.b)
    at = tuple(np.array([(rows.index(x), columns.index(y)) for x, y in models.blocks]).T)
    shape = (len(requests), len(rows), len(columns))
    numbers = {name: np.full(shape, np.nan) for name in NUMBERS}
    names = {name: np.full(shape, "", object) for name in ("layer_a", "layer_b")}
    for k, request in enumerate(requests):
        direction = request.metric.direction
        scores = []
        for (i, j), block in zip(zip(*at), models.blocks.values()):
            values = block.of(observed[request.id], request.symmetric)
            scores.append(extreme(values, direction))
            if where := where_extreme(values, direction):
                names["layer_a"][k, i, j] = layers[block.rows[where[0]]]
                names["layer_b"][k, i, j] = layers[block.columns[where[1]]]
        score = np.array(scores)
        null, p = from_permutations(draws[request.id], score, direction)
        threshold = critical(draws[request.id], score, direction)
        found = {
            "score": score, "null_mean": null.mean, "null_sd": null.sd, "threshold": threshold, "p": p,
            "calibrated": calibrated(score, threshold, request.best),
        }  # fmt: skip
        for name, value in found.items():
            numbers[name][k][at] = value
    numbers["q"] = benjamini_hochberg(numbers["p"])
    return xr.Dataset(
        {name: (("metric", "a", "b"), value) for name, value in {**names, **numbers}.items()},
        coords={
            "metric": [r.id for r in requests],
            "a": rows,
            "b": columns,
            "direction": ("metric", [r.metric.direction for r in requests]),
        },
        attrs={
            **provenance(requests, comparison.joined, seed=comparison.seed, seconds=seconds),
            "permutations": comparison.permutations,
        },
    )
