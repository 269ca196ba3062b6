"""What pointing at each cell of a heat map shows."""

import numpy as np
import xarray as xr

from consilience.engine.inference.interval import interval
from consilience.pipelines.report.numbers import hover
from consilience.pipelines.report.provenance import reasons, why


def hover_grid(scores: xr.Dataset, metric: str, cells: tuple[np.ndarray, ...]) -> list[list[str]]:
    """One text for each of the `cells` (as np.ix_ gives them) of `metric`."""
    one = scores.sel(metric=metric)
    low, high = interval(one["score"].values, one["se"].values, one["groups"].item())
    with np.errstate(divide="ignore"):
        log10_p = np.log10(one["p"].values)
    score, se, null, z = (one[name].values for name in ("score", "se", "null_mean", "z"))
    cause = np.asarray(reasons(scores))[why(scores, metric).astype(int)]
    arrays = [v[cells].tolist() for v in (score, se, low, high, null, z, log10_p, cause)]
    a, b = (one[side].values[at].tolist() for side, at in (("a", cells[0].ravel()), ("b", cells[1].ravel())))
    return [
        [hover(a[i], b[j], *numbers) for j, numbers in enumerate(zip(*row))]
        for i, row in enumerate(zip(*arrays))
    ]
