"""What the bias of an estimator adds to CKA."""

from typing import Any

import xarray as xr

from consilience.engine.comparison import compare
from consilience.engine.features.representation import Representation

METRICS = ("cka:estimator=biased", "cka:estimator=unbiased")


def bias(x: Representation, y: Representation, **options: Any) -> xr.Dataset:
    """Biased and unbiased linear CKA of all samples.

    Returns:
        Scalars ``biased``, ``unbiased`` with ``se_biased``, ``se_unbiased``, their ``difference``, ``null_mean`` (what
        unrelated samples of the same two representations score by the biased estimator on average, exactly) and
        ``n``; over ``side``, the units ``d`` and whether the side is ``wide``: more units than samples.
    """
    table = compare([x], [y], METRICS, **options)
    biased, unbiased = table["score"].values[:, 0, 0]
    se_biased, se_unbiased = table["se"].values[:, 0, 0]
    d = [x.d, y.d]
    return xr.Dataset(
        {
            "biased": biased, "unbiased": unbiased, "se_biased": se_biased, "se_unbiased": se_unbiased,
            "difference": biased - unbiased, "null_mean": table["null_mean"].values[0, 0, 0], "n": x.n,
            "d": ("side", d), "wide": ("side", [k > x.n for k in d]),
        },
        coords={"side": ["x", "y"]},
    )  # fmt: skip
