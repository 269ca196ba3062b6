"""All metrics on one scale, and what each of them does not see."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.audit.wording import listed
from consilience.engine.comparison import compare
from consilience.engine.features.representation import Representation
from consilience.engine.inference.interval import interval
from consilience.engine.metrics.registry import INVARIANCES, ON_LISTS, Request, canonical, parse

METRICS = (
    "cka", "cka:estimator=biased", "cka:kernel=rbf", "rsa", "distance_correlation", "mutual_knn", "cknna", "svcca",
    "linreg", "procrustes", "unit_match",
)  # fmt: skip
CKA = canonical("cka")
FAMILIES = {
    **dict.fromkeys(("sums", "batches", "classes", "triangles"), "pairs of samples"),
    **dict.fromkeys((*ON_LISTS, "unions"), "neighbours"),
    "moments": "units and directions",
    "held_out": "held-out samples",
}
WAYS = ("X to Y", "Y to X")
ROUNDING = 1e-6
_CHANGES = {
    "permutation": "the order of the units", "rotation": "rotations", "scaling": "a common scale",
    "translation": "shifts", "linear": "invertible linear maps of the units",
}  # fmt: skip


def adjusted(score: Any, null_mean: Any, best: Any) -> np.ndarray:
    """(score - null mean) / (best - null mean): 0 for unrelated samples, 1 for identical representations.

    The form of Hubert and Arabie (1985), for a distance too. NaN where unrelated samples score as identical ones do.
    """
    room = np.asarray(best - null_mean, np.float64)
    return (score - null_mean) / np.where(np.abs(room) > ROUNDING, room, np.nan)


def blindness(request: Request) -> str:
    """One sentence on what the score does not see and what it sees, from the invariances that the metric declares."""
    blind = request.invariances
    of = "" if request.symmetric else " of the first"
    # An invertible linear map may be a rotation, an exchange of units or a change of scale.
    implied = ("permutation", "rotation", "scaling") if "linear" in blind else ()
    unseen = [_CHANGES[i] for i in INVARIANCES if i in blind and i not in implied]
    seen = [_CHANGES[i] for i in INVARIANCES if i not in blind]
    if "linear" not in blind:
        seen[-1] = "other linear maps of the units"
    sees = f"; sees {listed(seen)}" if seen else ""
    return f"Blind to {listed(unseen)}{of}{sees}."


def agreement(
    x: Representation, y: Representation, requests: Sequence[Request], **options: Any
) -> xr.Dataset:
    """Every metric of x with y, and of y with x where it is directed, in dims (metric, way).

    Variables: ``score``, ``se``, ``low``, ``high`` (95 %), ``null_mean``, ``z``, ``p`` and ``calibrated`` as in a
    score table, and ``adjusted``, ``adjusted_low``, ``adjusted_high`` on the common scale. The second way of a
    symmetric metric is NaN, and so is ``calibrated`` where chance leaves no room. Coordinates of ``metric``:
    ``title``, ``name``, ``family``, ``blindness``, ``best``, ``direction``, ``groups`` and ``null``.
    """
    requests = list({r.id: r for r in requests}.values())
    table = compare([x, y], metrics=[r.id for r in requests], **options)
    directed = np.array([[True, not r.symmetric] for r in requests])
    best = np.array([r.best for r in requests])
    values = {
        name: np.where(directed, table[name].values[:, [0, 1], [1, 0]], np.nan)
        for name in ("score", "se", "null_mean", "z", "p", "calibrated")
    }
    groups = table["groups"].values
    low, high = interval(values["score"], values["se"], groups[:, None])
    at, *ends = (adjusted(v, values["null_mean"], best[:, None]) for v in (values["score"], low, high))
    values |= {
        "low": low, "high": high, "calibrated": np.where(np.isfinite(at), values["calibrated"], np.nan),
        "adjusted": at, "adjusted_low": np.minimum(*ends), "adjusted_high": np.maximum(*ends),
    }  # fmt: skip
    about: dict[str, Any] = {
        "title": [r.metric.title.rstrip(".") for r in requests],
        "name": [r.metric.name for r in requests],
        "family": [FAMILIES[r.needs] for r in requests],
        "blindness": [blindness(r) for r in requests],
        "best": best,
        "direction": table["direction"].values,
        "groups": groups,
        "null": table["null"].values,
    }
    return xr.Dataset(
        {name: (("metric", "way"), array) for name, array in values.items()},
        coords={
            "metric": [r.id for r in requests],
            "way": list(WAYS),
            **{name: ("metric", list(value)) for name, value in about.items()},
        },
        attrs={k: table.attrs[k] for k in ("version", "created", "reasons")},
    )


def brief(metric: str) -> str:
    """The shortest id of a metric: what is a default is left out."""
    request = parse(metric)
    known = request.metric.parameters
    given = {k: v for k, v in request.parameters.items() if v != known[k].default}
    return replace(request, parameters=given).id


def ways(one: xr.Dataset) -> list[str]:
    """The ways in which a metric has a score: both of a directed one; the first where there is none."""
    return [str(w) for w, score in zip(one["way"].values, one["score"].values) if np.isfinite(score)] or [
        WAYS[0]
    ]


def named(values: xr.DataArray) -> dict[str, float]:
    """Finite values in dims (metric, way) or (metric,), by brief id and, where there are two, by the way."""
    found = {}
    for metric, of in zip(values["metric"].values, values.values):
        finite = {way: float(value) for way, value in zip(WAYS, np.atleast_1d(of)) if np.isfinite(value)}
        for way, value in finite.items():
            found[f"{brief(metric)} {way}" if len(finite) > 1 else brief(metric)] = value
    return found
