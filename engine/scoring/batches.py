"""Metrics on the unbiased HSIC within batches."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from consilience.engine.inference.null import Null
from consilience.engine.inference.subsets import Subsets, deal, subsets
from consilience.engine.metrics.hsic import Hsic
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.batches import BatchSums, batch_sums
from consilience.engine.scoring.evaluated import Evaluated
from consilience.engine.scoring.second import bandwidths
from consilience.engine.scoring.setting import Setting
from consilience.engine.scoring.sums import from_sums


def evaluate(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    """Every request; the jackknife leaves out groups of batches. Samples are permuted within their batch."""
    found = []
    for r in requests:
        count = -(-setting.groups.n // r.parameters["batch"])
        batches = deal(setting.groups.n, count, setting.seed)
        chosen = subsets(min(setting.groups.count, count), se=setting.se)
        known = replace(setting, medians=bandwidths([r], setting))
        work = known.tile_pass(batches)
        sums = batch_sums(work, r.space, batches, chosen.masks.shape[1], setting.run)
        one = from_sums(r, _of_subsets(sums, chosen), chosen, setting.null)
        found.append(replace(one, notes={"batches": count, **known.distances(r)}))
    return found


def _of_subsets(sums: BatchSums, chosen: Subsets) -> Hsic:
    """The mean over the batches of each subset."""
    masks = chosen.masks.astype(np.float64)
    batches = (masks @ sums.batches)[:, None, None]
    value = np.tensordot(masks, sums.hsic, axes=1) / batches
    variance = np.tensordot(masks, sums.variance, axes=1) / batches**2
    moments = {
        k: Null(np.zeros_like(value[k]), np.sqrt(np.maximum(variance[k], 0)), np.zeros_like(value[k]))
        for k in chosen.tested
    }
    return Hsic(masks @ sums.n, value, np.diagonal(value, axis1=1, axis2=2), moments)
