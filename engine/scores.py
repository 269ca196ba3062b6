"""The score table: an xarray Dataset with dims (metric, a, b), saved as NetCDF and as tidy Parquet.

Variables, each (metric, a, b), NaN where a metric does not define the value:

- ``score``; ``se`` its standard error; ``n`` the samples it used
- ``null_mean``, ``z``, ``p``, ``q``: what unrelated samples would score, the distance from it in null standard
  deviations, the one-sided p-value, and p corrected over the table (Benjamini-Hochberg)
- ``calibrated``: max(0, (score - tau) / (best - tau)), tau = the 95 % point of the null
- ``score_select``, ``score_holdout``, ``se_holdout``, ``z_holdout``, ``p_holdout``: the score on one half of the
  samples, and on the other half with its error: a best pair is chosen by the first and reported by the second

Coordinates: ``metric`` (canonical id) with ``groups``, ``groups_holdout`` (row groups of the jackknife; interval =
score ± t(groups - 1) se), ``direction`` ("similarity" or "distance") and ``null`` (how the null was had); ``a``, ``b``
("model/layer") with ``model_a``, ``layer_a``, ``model_b``, ``layer_b``. Provenance is in ``attrs``, JSON where nested:
``metrics``, ``join``, ``reasons``, ``preprocess`` and others.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from consilience.engine.errors import BadInput

VARIABLES = (
    "score", "se", "null_mean", "z", "p", "q", "calibrated", "n",
    "score_select", "score_holdout", "se_holdout", "z_holdout", "p_holdout",
)  # fmt: skip

# In the notes of a metric that more units than samples raise: the representations that have so many.
WIDE = "more units than samples"


def label(model: str, layer: str) -> str:
    """The name of one representation: ``model/layer``, or ``model`` alone where there are no layers."""
    return f"{model}/{layer}" if layer else model


def assemble(
    values: dict[str, np.ndarray],
    a: Sequence[tuple[str, str]],
    b: Sequence[tuple[str, str]],
    metric: Sequence[str],
    *,
    groups: Sequence[int],
    groups_holdout: Sequence[int],
    direction: Sequence[str],
    null: Sequence[str],
    attrs: dict[str, str | int | float],
) -> xr.Dataset:
    """A score table from plain arrays of shape (metric, a, b); `a` and `b` are (model, layer) names.

    `q` follows from `p` unless it is given: corrected over all pairs of the table, a representation with itself aside.
    """
    if "p" in values and "q" not in values:
        from consilience.engine.inference.null import benjamini_hochberg

        itself = np.equal.outer([label(*x) for x in a], [label(*x) for x in b])
        values = {**values, "q": benjamini_hochberg(np.where(itself, np.nan, values["p"]))}
    shape = (len(metric), len(a), len(b))
    missing = set(values) - set(VARIABLES)
    if missing:
        raise KeyError(f"not variables of a score table: {sorted(missing)}")
    full = {name: np.broadcast_to(values.get(name, np.nan), shape).astype(np.float64) for name in VARIABLES}
    return xr.Dataset(
        {name: (("metric", "a", "b"), array) for name, array in full.items()},
        coords={
            "metric": list(metric),
            "a": [label(*x) for x in a],
            "b": [label(*x) for x in b],
            "model_a": ("a", [m for m, _ in a]),
            "layer_a": ("a", [l for _, l in a]),
            "model_b": ("b", [m for m, _ in b]),
            "layer_b": ("b", [l for _, l in b]),
            "groups": ("metric", list(groups)),
            "groups_holdout": ("metric", list(groups_holdout)),
            "direction": ("metric", list(direction)),
            "null": ("metric", list(null)),
        },
        attrs=attrs,
    )


def save(scores: xr.Dataset, path: str | Path) -> None:
    """Write `scores` as NetCDF (``.nc``), or as tidy Parquet with one row a score (``.parquet``)."""
    path = Path(path)
    if path.suffix == ".nc":
        scores.to_netcdf(path, engine="h5netcdf")
    elif path.suffix == ".parquet":
        tidy(scores).to_parquet(path, index=False)
    else:
        raise BadInput(
            "a score table file ending in .nc or .parquet", repr(path.name), "change the file's ending"
        )


def tidy(scores: xr.Dataset):  # type: ignore[no-untyped-def]  # pandas carries no types
    """One row a score: metric, a, b, their models and layers, and every variable."""
    return scores.to_dataframe().reset_index()


def open_scores(path: str | Path) -> xr.Dataset:
    """Read a score table that `save` wrote as NetCDF, wholly into memory."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(
            "a score table (.nc)", f"{path}, which does not exist", "give the path of a run's scores.nc"
        )
    with xr.open_dataset(path, engine="h5netcdf") as scores:
        return scores.load()
