"""Which units and directions hold the variance of each side, and how much of CKA each leading unit carries."""

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.audit.sides import without
from consilience.engine.comparison import compare
from consilience.engine.errors import BadInput
from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups
from consilience.engine.linalg import one_thread
from consilience.engine.machine import gigabytes, read_bytes
from consilience.engine.passes.blocks import frame
from consilience.engine.passes.executors import Executor
from consilience.engine.passes.moment_state import over_groups
from consilience.engine.passes.moments import MomentPass, moments
from consilience.engine.progress import Progress, silent

LISTED = 10  # units of each side whose part in CKA is looked at one by one
SHARE, RATIO = 0.5, 10.0  # see `standing_out`
PART = 20  # at most one unit in so many stands out


def check_budget(x: Representation, y: Representation, budget: str | float) -> None:
    """BadInput if `covariances` and their decomposition, which works on copies, do not fit the budget."""
    given, needed = read_bytes(budget), 2 * 8.0 * (x.d**2 + x.d * y.d + y.d**2)
    if needed > given:
        raise BadInput(
            f"covariances within the budget of {gigabytes(given)}",
            f"{gigabytes(needed)} for {x.d} and {y.d} units",
            f"raise the budget to {gigabytes(needed * 1.1)}, or audit fewer units",
        )


def covariances(
    x: Representation, y: Representation, *, device: str, progress: Progress = silent
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Xc'Xc (d1, d1), Yc'Yc (d2, d2) and Xc'Yc (d1, d2) in one sweep; each side in a unit of its own."""
    whole = Groups(np.arange(x.n), np.array([0, x.n]))
    pairs = ((0, 0), (1, 1), (0, 1))
    work = MomentPass((x, y), (frame(x), frame(y)), whole, pairs, np.dtype(np.float64), device)
    with one_thread() if device == "cpu" else nullcontext():
        state = moments(work, run=Executor(device=device, progress=progress))
    xx, yy, xy = (next(over_groups(state, pair, np.ones((1, 1), bool)))[0] for pair in pairs)
    return xx, yy, xy


def standing_out(shares: np.ndarray, most: int) -> int:
    """How many of the largest of these shares of the variance stand out from the rest; 0 if none.

    The most k, up to `most`, such that the k-th is at least 10 times the mean of those below it and the k together hold
    at least half.
    """
    ordered = np.sort(shares)[::-1]
    for k in range(min(most, len(ordered) - 1), 0, -1):
        if ordered[k - 1] >= RATIO * ordered[k:].mean() and ordered[:k].sum() >= SHARE:
            return k
    return 0


def spread(own: np.ndarray, cross: np.ndarray, n: int) -> xr.Dataset:
    """Where the variance of X lies, from C = Xc'Xc (d1, d1) and Xc'Yc (d1, d2).

    Variables over ``unit``: ``share`` of the total variance, C_jj / tr C, and ``hsic_share``, ‖x_j'Yc‖² / ‖Xc'Yc‖²:
    biased linear HSIC is a sum over units, and this is the part of each; ``order`` holds the units by falling share.
    Over ``component``: ``component_share`` of the principal components, largest first. Scalars:
    ``participation_ratio`` (tr C)² / tr C², how many ``units_standing_out``, and whether the first component does
    (``components_standing_out``).
    """
    variance, parts = np.diagonal(own), (cross**2).sum(axis=1)
    # n centred samples span n - 1 directions; the rest is rounding.
    values = np.linalg.eigvalsh(own)[::-1][: min(len(own), n - 1)]
    shares, components = variance / variance.sum(), np.maximum(values, 0) / values.sum()
    return xr.Dataset(
        {
            "share": ("unit", shares),
            "hsic_share": ("unit", parts / parts.sum()),
            "order": ("unit", np.argsort(-shares, kind="stable")),
            "component_share": ("component", components),
            "participation_ratio": float(variance.sum() ** 2 / (own**2).sum()),
            "units_standing_out": standing_out(shares, min(LISTED, max(1, len(shares) // PART))),
            "components_standing_out": standing_out(components, 1),
        },
        coords={"unit": np.arange(len(own)), "component": np.arange(len(components))},
    )


def removable(found: xr.Dataset, tops: Iterable[int] = ()) -> list[int]:
    """The numbers of leading units to remove: 0, how many stand out, and `tops`, as far as some variance is left."""
    rounding = len(found["unit"]) * float(np.finfo(np.float64).eps)
    most = int((found["share"].values > rounding).sum()) - 1
    return sorted(k for k in {0, int(found["units_standing_out"]), *tops} if k <= most)


def carried(x: Representation, y: Representation, found: xr.Dataset, **options: Any) -> xr.Dataset:
    """`found` of x, with unbiased linear CKA of x and y without each of the leading units of x.

    Adds ``cka_without`` and ``se_without`` over ``listed``, the unit numbers.
    """
    listed = found["order"].values[: LISTED if removable(found, [1])[1:] else 0]
    scores = np.full((2, len(listed)), np.nan)
    if len(listed):
        fewer = [without(x, np.array([j]), f"without {j}") for j in listed]
        table = compare(fewer, [y], null=False, **options)
        scores = np.stack([table[name].values[0, :, 0] for name in ("score", "se")])
    named = {name: ("listed", values) for name, values in zip(("cka_without", "se_without"), scores)}
    return found.assign(named).assign_coords(listed=listed)
