"""Fast products: where they serve, what error they bring, and whether that error matters."""

from collections.abc import Sequence

import numpy as np
import torch

from consilience.engine.linalg import low_gain, low_product
from consilience.engine.metrics.hsic import measured
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.batches import sums_within
from consilience.engine.passes.blocks import load
from consilience.engine.passes.sample import sample_rows
from consilience.engine.planning import needs_of
from consilience.engine.scoring.evaluated import Evaluated
from consilience.engine.scoring.setting import Setting

PRECISIONS = ("exact", "fast", "auto")
SAMPLE_ROWS = 256
LEAST_GAIN = 1.3
SHARE = 50  # `auto` wants an error below this part of the standard error


def hindrance(requests: Sequence[Request], setting: Setting) -> str:
    """Why fast products are not used; empty where they are."""
    needs = needs_of(requests)
    if setting.precision == "exact":
        return "asked for"
    if setting.plan.linear_by_moments:
        return "moments need fewer products than tiles"
    if needs.spaces != {"linear"} or needs.searches:
        return "only sums of the linear kernel are insensitive to the rounding of single entries"
    if setting.size.rdms:
        return "an RDM is taken as it is, without products"
    if any(r.units for r in requests):
        return "sums over single units are taken from those of the tiles, and few digits may be left"
    if setting.size.itemsize != 4:
        return "features are in float64, or so few that float64 costs nothing"
    if setting.precision == "auto" and not setting.se:
        return "there are no standard errors to hold the error against"
    if setting.precision == "auto" and low_gain(setting.device) < LEAST_GAIN:
        return "this processor multiplies bfloat16 no faster than float32"
    return ""


def largest_error(setting: Setting) -> float:
    """Of unbiased CKA over the pairs wanted, on at most 256 samples drawn by the seed: fast products less float64."""
    rows = setting.groups.order[sample_rows(setting.groups.n, SAMPLE_ROWS, setting.seed)]
    scores = []
    for fast in (True, False):
        dtype = np.dtype(np.float32 if fast else np.float64)
        block = load(setting.representations, setting.frames, rows, dtype, setting.device, norms=False)
        gram = torch.stack([_fast(x.bfloat16()) if fast else x @ x.T for x in block.x])
        found = measured(sums_within(gram), "unbiased")
        scores.append(found.value[0] / found.unit[0])
    a, b = np.array(setting.pairs).T
    return float(np.nanmax(np.abs(scores[0] - scores[1])[a, b]))


def _fast(x: torch.Tensor) -> torch.Tensor:
    gram = torch.empty(len(x), len(x), device=x.device)
    low_product(x, x.T, out=gram)
    return gram


def matters(error: float, found: Sequence[Evaluated]) -> bool:
    """Whether the error is above a 50th of the smallest standard error of different representations."""
    apart = ~np.eye(len(found[0].values[0]), dtype=bool)
    smallest = [np.nanmin(e.variables()["se"][apart], initial=np.inf) for e in found]
    return bool(error * SHARE > min(smallest))
