"""What several sweeps found, in one table: numbers, and what was told of them."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.pipelines.zoo.prepare import Name

if TYPE_CHECKING:
    import xarray as xr


def of_metric(scores: "xr.Dataset", name: str, metric: str) -> dict[str, Any]:
    """An attribute that maps metrics, or "metric|a|b", to something, for that metric; of any other all of it."""
    found: dict[str, Any] = json.loads(scores.attrs.get(name, "{}"))
    if name.startswith("preprocess"):
        return found
    return {key: value for key, value in found.items() if f"{key}|".startswith(f"{metric}|")}


def joined(known: Any, new: Any, others: set[str]) -> Any:
    """What two sweeps told, together, without what the new one told of representations that are `others`."""
    if isinstance(new, Mapping):
        found = dict(known) if isinstance(known, Mapping) else {}
        return found | {k: joined(found.get(k), v, others) for k, v in new.items() if k not in others}
    if isinstance(new, list) and all(isinstance(x, str) for x in new):
        return list(dict.fromkeys([*(known or []), *(x for x in new if x not in others)]))
    return new


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
        for name in ("metrics", "notes", "reasons", "preprocess", "preprocess_steps")
    }
    coords: dict[str, Any] = {
        name: [part[name].values[0].item() for part in parts]
        for name in ("groups", "groups_holdout", "direction", "null")
    }
    ids = [str(part["metric"].values[0]) for part in parts]
    return assemble(values, a, b, ids, **coords, attrs={**nested, **attrs})
