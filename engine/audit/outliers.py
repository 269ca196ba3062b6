"""The scores once the units of largest variance are removed, from either side and from both."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.audit.sides import without
from consilience.engine.comparison import compare
from consilience.engine.features.representation import Representation
from consilience.engine.inference.interval import interval

METRICS = ("cka", "mutual_knn")


def outliers(
    x: Representation,
    y: Representation,
    orders: Sequence[np.ndarray],
    tops: Sequence[Sequence[int]],
    **options: Any,
) -> xr.Dataset:
    """CKA and mutual neighbours of x without its first `top_x` units of the order and y without its first `top_y`.

    Args:
        orders: the units of each side, the first to be removed first.
        tops: the numbers to be removed from x, and from y.

    Returns:
        ``score``, ``se``, ``low``, ``high`` (95 %) and ``null_mean`` in dims (metric, top_x, top_y).
    """
    left, right = (
        [without(r, order[:k], f"without {k}") for k in top] for r, order, top in zip((x, y), orders, tops)
    )
    table = compare(left, right, METRICS, **options)
    low, high = interval(table["score"], table["se"], table["groups"].values[:, None, None])
    values = {name: table[name].values for name in ("score", "se", "null_mean")} | {"low": low, "high": high}
    dims = ("metric", "top_x", "top_y")
    return xr.Dataset(
        {name: (dims, array) for name, array in values.items()},
        coords={"metric": table["metric"].values, **dict(zip(dims[1:], map(np.array, tops)))},
    )
