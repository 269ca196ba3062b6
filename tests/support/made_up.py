"""Score tables whose truth is known: every row group of the samples adds its own noise, and a score is their mean.

So the jackknife of a score, of any contrast of scores and of either half of the samples is exactly the textbook error
of a mean of groups, and what is asked of such a table has a p that is uniform where nothing is there.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from consilience.engine.inference.jackknife import standard_error
from consilience.engine.scores import assemble
from consilience.pipelines.questions.zoo import Zoo

GROUPS = 20
METRIC = "cka:estimator=unbiased,kernel=linear"
Truth = Callable[[str, float, str, float], float]  # model, depth, model, depth


def card(
    modality: str, lineage: str = "", parameters: float = 0, objective: str = "image classification"
) -> dict[str, Any]:
    return {"modality": modality, "lineage": lineage, "parameters": parameters, "objective": objective}


def made_up(
    models: Mapping[str, int],
    cards: Mapping[str, Any],
    truth: Truth,
    seed: int = 0,
    noise: float = 0.02,
    shared: float = 0.02,
    metric: str = METRIC,
    **attrs: Any,
) -> Zoo:
    """Models with their numbers of layers, all compared with all. `noise` is of every score in every group by itself,
    `shared` of all scores of a group, and of the layers of a model alike: the errors of two scores go together."""
    rng = np.random.default_rng(seed)
    names = [(model, f"layer.{i}") for model, depth in models.items() for i in range(depth)]
    depth = [i / max(1, n - 1) for n in models.values() for i in range(n)]
    true = np.array([[truth(a[0], x, b[0], y) for b, y in zip(names, depth)] for a, x in zip(names, depth)])
    size = len(names)
    of = np.repeat(np.arange(len(models)), list(models.values()))
    own = noise * rng.normal(size=(GROUPS, size, size))
    own = np.triu(own) + np.triu(own, 1).transpose(0, 2, 1)
    by_model = shared * rng.normal(size=(GROUPS, len(models)))[:, of]
    both = by_model[:, :, None] + by_model[:, None, :]
    every = true + own + both + shared * rng.normal(size=(GROUPS, 1, 1))
    without = (every.sum(axis=0) - every) / (GROUPS - 1)
    half = GROUPS // 2
    held = every[half:]
    values = {
        "score": every.mean(axis=0), "se": standard_error(without),
        "score_select": every[:half].mean(axis=0), "score_holdout": held.mean(axis=0),
        "se_holdout": standard_error((held.sum(axis=0) - held) / (GROUPS - half - 1)),
        "p_holdout": np.full_like(true, 0.01), "z_holdout": np.full_like(true, 3.0), "n": np.full_like(true, 200.0),
        "null_mean": np.full_like(true, 0.1), "p": np.full_like(true, 0.01),
    }  # fmt: skip
    nested = {"cards": {m: dict(c) for m, c in cards.items()}, **attrs}
    scores = assemble(
        {k: v[None] for k, v in values.items()}, names, names, [metric], groups=[GROUPS],
        groups_holdout=[GROUPS - half], direction=["similarity"], null=["exact"],
        attrs={k: json.dumps(v) for k, v in nested.items()},
    )  # fmt: skip
    return Zoo(scores, {metric: without})


def flat(p: np.ndarray) -> float:
    """How likely so uneven a sample of p-values is, if they are uniform."""
    from scipy import stats

    return float(stats.kstest(p, "uniform").pvalue)
