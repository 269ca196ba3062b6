"""The preprocessing as the report tells it: which steps, of which models, and what was found in fitting them."""

from typing import Any

import xarray as xr

from consilience.pipelines.report.numbers import short
from consilience.pipelines.report.page import thin
from consilience.pipelines.report.provenance import attr


def chains(scores: xr.Dataset) -> list[dict[str, Any]]:
    """The different chains of steps, each with its models; of each step what the table says of it, and the range of
    every fact over the layers. Empty where nothing was preprocessed."""
    found, about = attr(scores, "preprocess", {}), attr(scores, "preprocess_steps", {})
    groups: dict[tuple[str, ...], dict[str, list[dict[str, Any]]]] = {}
    for model, label in _representations(scores):
        steps = found.get(label, [])
        group = groups.setdefault(tuple(x["step"] for x in steps), {})
        group.setdefault(model, []).append(steps)
    if not any(groups):
        return []
    return [
        {"models": list(group), "steps": _steps(ids, [x for layers in group.values() for x in layers], about)}
        for ids, group in groups.items()
    ]


def _representations(scores: xr.Dataset) -> dict[tuple[str, str], None]:
    """Model and label of everything compared, in the order of the table."""
    pairs: dict[tuple[str, str], None] = {}
    for side in "ab":
        pairs |= dict.fromkeys(zip(map(str, scores[f"model_{side}"].values), map(str, scores[side].values)))
    return pairs


def _steps(ids: tuple[str, ...], layers: list[Any], about: dict[str, Any]) -> list[dict[str, Any]]:
    told = []
    for i, name in enumerate(ids):
        facts = {k: [layer[i][k] for layer in layers] for k in layers[0][i] if k != "step"}
        of = about.get(name, {})
        told.append(
            {
                "id": name,
                "title": of.get("title", name).rstrip("."),
                "formula": of.get("formula", ""),
                "source": of.get("source", ""),
                "facts": [(k.replace("_", " "), _range(values)) for k, values in facts.items()],
            }
        )
    return told


def _range(values: list[float]) -> str:
    """The value of all layers, or the least and the greatest."""
    low, high = (_number(x) for x in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    return thin(value) if isinstance(value, int) else short(value)
