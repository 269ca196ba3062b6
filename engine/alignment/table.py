"""The table of an alignment: what its variables are, and how it is put together."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine import preprocessing
from consilience.engine.alignment.bootstrap import serves
from consilience.engine.alignment.scored import Scored
from consilience.engine.comparison import Comparison
from consilience.engine.scoring.table import provenance

Pieces = Mapping[str, Any]  # arrays, or single values, by the name of the variable

_REGION = ("metric", "region")
_SUBJECT = (*_REGION, "subject")
_MODEL = ("metric", "model", "region")
_TWO = ("metric", "model", "model_b", "region")
DIMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("score", "se"), ("metric", "representation", "region", "subject")),
    **dict.fromkeys(("lower", "upper"), _REGION),
    **dict.fromkeys(("lower_subject", "upper_subject"), _SUBJECT),
    **dict.fromkeys(("chosen", "held_out"), ("metric", "model", "region", "subject")),
    **dict.fromkeys(("mean", "low", "high", "p_subjects", "p", "chance", "normalised"), _MODEL),
    **dict.fromkeys(("difference", "difference_low", "difference_high"), _TWO),
    **dict.fromkeys(("difference_p", "difference_q", "difference_p_stimuli", "difference_q_stimuli"), _TWO),
    "null": ("metric", "model", "region", "draw"),
    "brain_brain": ("metric", "region", "other", "subject"),
    **dict.fromkeys(("gap", "gap_low", "gap_high", "gap_p", "gap_p_brain", "verdict", "best_depth"), _MODEL),
    **dict.fromkeys(("order_tau", "order_p", "order_p_stimuli"), ("metric", "model")),
    "agreement": ("metric", "representation"),
    "brain_agreement": ("metric", "representation", "region"),
    **dict.fromkeys(("universality", "universality_low", "universality_high", "universality_p"), _REGION),
}
WORDS = ("chosen", "verdict")  # of str, "" where there is nothing to say


def assemble(
    comparison: Comparison,
    everything: Sequence[Scored],
    pieces: Mapping[tuple[str, str | None], Pieces],
    *,
    seconds: float,
    notes: Sequence[str],
    **attrs: Any,
) -> xr.Dataset:
    """The table of all metrics.

    Args:
        pieces: by metric and region, None for all regions, arrays over the other dims of each variable in their order.
    """
    ids, sides = [one.request.id for one in everything], everything[0].sides
    sizes = {
        "metric": len(ids), "region": len(sides.regions), "representation": len(sides.layers),
        "subject": len(sides.subjects), "model": len(sides.models),
    }  # fmt: skip
    sizes |= {"model_b": sizes["model"], "other": sizes["subject"], "draw": attrs["permutations"]}
    variables = {}
    for name, dims in DIMS.items():
        words = name in WORDS
        values = np.full([sizes[d] for d in dims], "" if words else np.nan, object if words else np.float64)
        for (metric, region), found in pieces.items():
            if name in found:
                at = {"metric": ids.index(metric)}
                if region is not None:
                    at["region"] = sides.regions.index(region)
                values[tuple(at.get(d, slice(None)) for d in dims)] = found[name]
        variables[name] = (dims, values)
    return xr.Dataset(
        variables,
        coords=_coords(everything, comparison.joined.n),
        attrs={
            **provenance(
                comparison.requests, comparison.joined, seed=comparison.seed, seconds=seconds, notes=notes
            ),
            **preprocessing.attributes(comparison.representations),
            "n": comparison.joined.n,
            "subjects": json.dumps(list(sides.subjects)),
            **attrs,
        },
    )


def _coords(everything: Sequence[Scored], n: int) -> dict[str, Any]:
    requests, sides = [one.request for one in everything], everything[0].sides
    models, subjects = list(sides.models), list(sides.subjects)
    return {
        "metric": [r.id for r in requests],
        "direction": ("metric", [r.metric.direction for r in requests]),
        "groups": ("metric", [one.evaluated.groups for one in everything]),
        "stimuli_by": ("metric", ["bootstrap" if serves(r, n) else "jackknife" for r in requests]),
        "representation": [r.name for r in sides.layers],
        "model_of": ("representation", [r.model for r in sides.layers]),
        "layer": ("representation", [r.layer for r in sides.layers]),
        "depth": ("representation", sides.depth),
        "region": list(sides.regions),
        "subject": subjects,
        "other": subjects,
        "model": models,
        "model_b": models,
    }


def spread_out(values: np.ndarray, present: np.ndarray, axes: int = 1) -> np.ndarray:
    """Values (…, those present) over all subjects, with nothing for the others; along the last `axes` axes."""
    words = values.dtype == object
    shape = (*values.shape[: values.ndim - axes], *[len(present)] * axes)
    full = np.full(shape, "" if words else np.nan, values.dtype)
    at = np.flatnonzero(present)
    full[(..., at) if axes == 1 else (..., at[:, None], at)] = values
    return full
