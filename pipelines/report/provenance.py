"""What a score table says about itself, read so that anything may be absent."""

import json
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.errors import BadInput, unknown

NOT_COMPUTED = "not computed for this pair"


def attr(scores: xr.Dataset, name: str, default: Any) -> Any:
    """A JSON attribute of the score table, or `default` where it has none."""
    text = scores.attrs.get(name)
    return default if text is None else json.loads(text)


def reasons(scores: xr.Dataset) -> list[str]:
    """The different reasons why a score is NaN; the first stands for "none was recorded"."""
    return list(dict.fromkeys([NOT_COMPUTED, *attr(scores, "reasons", {}).values()]))


def why(scores: xr.Dataset, metric: str) -> np.ndarray:
    """For every pair of layers (a, b), the position of its reason in `reasons`; 0 where none was recorded."""
    a = {str(name): i for i, name in enumerate(scores["a"].values)}
    b = {str(name): i for i, name in enumerate(scores["b"].values)}
    known = {text: i for i, text in enumerate(reasons(scores))}
    positions = np.zeros((len(a), len(b)))
    for key, text in attr(scores, "reasons", {}).items():
        of, *parts = key.split("|")
        # A layer's own name may hold the separator, and a user may have cut the table down to a part of the layers.
        for i in range(1, len(parts)):
            left, right = "|".join(parts[:i]), "|".join(parts[i:])
            if of == metric and left in a and right in b:
                positions[a[left], b[right]] = known[text]
    return positions


def compared(scores: xr.Dataset, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """The layers of a and of b that `metric` was asked for: with a score, or with a reason for having none."""
    there = np.isfinite(scores["score"].sel(metric=metric).values) | (why(scores, metric) > 0)
    return np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))


def metric_id(scores: xr.Dataset, metric: str | None) -> str:
    """The id in the table that `metric` names: in full, by its bare name if one fits; the first for None."""
    ids = [str(m) for m in scores["metric"].values]
    if metric is None:
        return ids[0]
    if metric in ids:
        return metric
    fitting = [m for m in ids if m.partition(":")[0] == metric]
    if len(fitting) > 1:
        raise BadInput(
            f"a metric of the table by its full id ({', '.join(fitting)})", repr(metric), "give one of them"
        )
    if not fitting:
        raise unknown("metric of this score table", metric, ids)
    return fitting[0]
