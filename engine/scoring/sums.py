"""Metrics on sums over pairs of samples, evaluated on every subset of rows."""

import numpy as np

from consilience.engine.inference.subsets import Subsets
from consilience.engine.metrics.hsic import Hsic
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.sums import Sums
from consilience.engine.scoring.evaluated import EXACT, Evaluated, Tail, exact_tail, mirrored


def from_sums(request: Request, sums: Sums | Hsic, subsets: Subsets, null: bool) -> Evaluated:
    """A metric such as CKA or RSA: one function of the sums, for all subsets and pairs at once."""
    metric, given = request.metric, request.parameters
    with np.errstate(invalid="ignore", divide="ignore"):
        values = mirrored(metric.finish(sums, **given), request.symmetric)
    tails: list[Tail | None] = [None, None]
    if null and metric.null is not None:
        for k, subset in enumerate(subsets.tested):
            if sums.n[subset] >= 6:
                tails[k] = exact_tail(metric.null(sums.at(subset), **given), values[subset], request)
    how = EXACT if tails[0] else "none"
    return Evaluated(request, values, subsets, int(sums.n[subsets.full]), tails[0], tails[1], how)
