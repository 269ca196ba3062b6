"""The table of an encoding: an xarray Dataset over spaces, targets and folds.

Dimensions: ``space`` (a feature space ``model/layer``; with layers chosen, a model), ``target`` (a unit of a region)
and ``fold``. Coordinates of a target: ``subject``, ``region`` and ``unit``, its number in the region.

``r``, ``r2``, ``unique_r2`` and ``ceiling`` are always there; where one was not measured at all it is NaN, and its own
attribute ``reason`` says why. Variables, NaN for a target that does not vary (listed in the attribute ``constant``) or
not in some fold:

- ``r``, ``r2`` (space, target): on held-out rows, the mean over folds; ``fold_r``, ``fold_r2`` (space, fold, target)
- ``ceiling`` (target): the root of the split-half reliability of the mean over repeats (Spearman-Brown), which is the r
  of a perfect prediction; NaN where there are no repeats, or nothing is reliable. ``normalised`` (space, target): r
  over it
- ``penalty`` (space, fold, target): the one chosen for each held-out fold
- ``unique_r2`` (space, target): R² with the nuisance less R² of the nuisance alone, or R² of all spaces less R² of all
  others; ``joint_r``, ``joint_r2``: (space, target) with the nuisance, or (target) of all spaces together
- ``nuisance_r2`` (target); ``shared_r2`` (target): R² of all spaces less every unique part; ``joint_penalty`` (space,
  fold, target): of each space in the map of all, infinite where it is not used
- ``layer`` (space, fold, response): the layer chosen for a region of a subject, ``subject/region``; ``layer_r``
  (representation, target): r of every layer by itself, chosen or not, with the coordinate ``model_of``
- ``null`` (space, response, draw): of the responses shifted in time what p is of, the mean over the units of a region
- ``p``, ``q`` (space, target): of unique_r2, or of r without nuisance, by permutation, one-sided; q is corrected over
  the table (Benjamini-Hochberg)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.encoding.sources import Mean
from consilience.engine.encoding.variants import Told
from consilience.engine.features.representation import Representation
from consilience.engine.inference.null import benjamini_hochberg

FOLDED = {"r": "fold_r", "r2": "fold_r2"}
ALONE = "no space to be measured against: give nuisance=, or several spaces and joint=True"
ONCE = "no repeats: give responses (n, repeats, units)"


def table(
    told: Told,
    spaces: Sequence[Representation],
    responses: Sequence[Representation],
    p: np.ndarray | None,
    constant: np.ndarray,
    ceiling: np.ndarray,
    attrs: dict[str, Any],
    null: np.ndarray | None = None,
) -> xr.Dataset:
    """The Dataset; `constant` (v,) marks responses that do not vary; `ceiling` (v,); `null` (S, regions, draws)."""
    variables: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for name, folded in FOLDED.items():
        values = getattr(told, name)
        variables[name] = ("space", "target"), values.mean(axis=1)
        variables[folded] = ("space", "fold", "target"), values
    variables["ceiling"] = ("target",), ceiling
    variables["normalised"] = ("space", "target"), told.r.mean(axis=1) / ceiling
    variables["penalty"] = ("space", "fold", "target"), told.penalty
    others = {
        "unique_r2": told.unique, "joint_r": told.joint_r, "joint_r2": told.joint_r2,
        "nuisance_r2": told.nuisance, "shared_r2": told.shared,
    }  # fmt: skip
    if told.unique is None:
        variables["unique_r2"] = ("space", "target"), np.full(told.r[:, 0].shape, np.nan)
    for name, values in others.items():
        if values is not None:
            variables[name] = (("space", "target") if values.ndim == 3 else ("target",)), values.mean(axis=-2)
    if told.bands is not None:
        variables["joint_penalty"] = ("space", "fold", "target"), told.bands
    if p is not None:
        p = np.where(constant, np.nan, p)
        variables |= {"p": (("space", "target"), p), "q": (("space", "target"), benjamini_hochberg(p))}
    variables = {k: (dims, np.where(constant, np.nan, v)) for k, (dims, v) in variables.items()}
    names = [r.name for r in spaces]
    coords: dict[str, Any] = {
        "subject": ("target", [r.model for r in responses for _ in range(r.d)]),
        "region": ("target", [r.layer or r.model for r in responses for _ in range(r.d)]),
        "unit": ("target", [u for r in responses for u in range(r.d)]),
        "fold": np.arange(told.r.shape[1]),
    }
    if null is not None:
        variables["null"] = ("space", "response", "draw"), null
        coords["response"] = [r.name for r in responses]
    if told.chosen is not None:
        assert told.every_r is not None
        variables["layer_r"] = (
            ("representation", "target"),
            np.where(constant, np.nan, told.every_r.mean(axis=1)),
        )
        coords["representation"] = names
        coords["model_of"] = "representation", [r.model for r in spaces]
        layers = np.array([r.layer for r in spaces], object)[told.chosen]
        variables["layer"] = ("space", "fold", "response"), layers
        coords["response"] = [r.name for r in responses]
        names = list(dict.fromkeys(r.model for r in spaces))
    whole = xr.Dataset(variables, {**coords, "space": names}, attrs)
    if told.unique is None:
        whole["unique_r2"].attrs["reason"] = ALONE
    if not any(isinstance(r.source, Mean) for r in responses):
        whole["ceiling"].attrs["reason"] = ONCE
    return whole
