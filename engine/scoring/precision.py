"""Fast products: where they serve, what error they bring, and whether that error matters."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import torch

from consilience.engine.costs.size import Needs
from consilience.engine.features.representation import Representation
from consilience.engine.linalg import digits_gain, low_gain, low_product
from consilience.engine.metrics.hsic import Hsic, measured
from consilience.engine.metrics.registry import Request
from consilience.engine.passes import candidates
from consilience.engine.passes.batches import sums_within
from consilience.engine.passes.blocks import Frame, load
from consilience.engine.passes.layout import layout
from consilience.engine.passes.neighbours import Neighbours, together, wanted
from consilience.engine.passes.sample import sample_rows
from consilience.engine.passes.second_order import second_order
from consilience.engine.passes.spaces import COSINE
from consilience.engine.planning import needs_of
from consilience.engine.scoring.evaluated import Evaluated
from consilience.engine.scoring.setting import Setting

PRECISIONS = ("exact", "fast", "auto")
SAMPLE_ROWS, BATCH_ROWS = 2048, 256
LEAST_GAIN = 1.3
SHARE = 50  # `auto` wants an error below this part of the standard error


def hindrance(requests: Sequence[Request], setting: Setting) -> str:
    """Why fast products are not used; empty where they are."""
    needs = needs_of(requests)
    if setting.precision == "exact":
        return "asked for"
    if setting.plan.linear_by_moments:
        return "moments need fewer products than tiles"
    if needs.spaces - {"linear"}:
        return "only sums of the linear kernel are insensitive to the rounding of single entries"
    if any(space != COSINE for space, _ in needs.searches):
        return "of nearest neighbours only those by cosine can be told from few digits"
    if setting.size.rdms:
        return "an RDM is taken as it is, without products"
    if any(r.units for r in requests):
        return "sums over single units are taken from those of the tiles, and few digits may be left"
    if setting.size.itemsize != 4:
        return "features are in float64, or so few that float64 costs nothing"
    if needs.searches and not digits_gain(setting.device):
        return "this processor does not sum up products of 8-bit integers exactly"
    return _of_no_use(needs, setting) if setting.precision == "auto" else ""


def _of_no_use(needs: Needs, setting: Setting) -> str:
    if needs.spaces and not setting.se:
        return "there are no standard errors to hold the error against"
    if needs.spaces and low_gain(setting.device) < LEAST_GAIN:
        return "this processor multiplies bfloat16 no faster than float32"
    if needs.searches and digits_gain(setting.device) < LEAST_GAIN:
        return "this processor multiplies 8-bit integers no faster than float32"
    return ""


def largest_error(setting: Setting) -> float:
    """Of unbiased CKA over the pairs wanted, on at most `SAMPLE_ROWS` samples drawn by the seed: fast products less
    float64.

    The samples are compared in batches, whose sums make one score each: as many as tell the error of all pairs, which
    shrinks as samples are added, and no more of them at once than fit the memory with every representation.
    """
    rows = setting.groups.order[sample_rows(setting.groups.n, SAMPLE_ROWS, setting.seed)]
    rows = np.random.default_rng(setting.seed).permutation(rows)
    scores = []
    for fast in (True, False):
        parts = [_sums(part, fast, setting) for part in np.array_split(rows, -(-len(rows) // BATCH_ROWS))]
        found = reduce(add, parts)
        scores.append(found.value[0] / found.unit[0])
    a, b = np.array(setting.pairs).T
    return float(np.nanmax(np.abs(scores[0] - scores[1])[a, b]))


def _sums(rows: np.ndarray, fast: bool, setting: Setting) -> Hsic:
    """Of those samples with each other; entries are added up in float64, as the sweep adds up its tiles."""
    dtype = np.dtype(np.float32 if fast else np.float64)
    block = load(setting.representations, setting.frames, np.sort(rows), dtype, setting.device, norms=False)
    gram = torch.stack([_fast(x.bfloat16()) if fast else x @ x.T for x in block.x])
    return measured(sums_within(gram), "unbiased")


def _fast(x: torch.Tensor) -> torch.Tensor:
    gram = torch.empty(len(x), len(x), device=x.device)
    low_product(x, x.T, out=gram)
    return gram.double()


def matters(error: float, found: Sequence[Evaluated]) -> bool:
    """Whether the error is above a 50th of the smallest standard error of different representations."""
    apart = ~np.eye(len(found[0].values[0]), dtype=bool)
    smallest = [np.nanmin(e.variables()["se"][apart], initial=np.inf) for e in found]
    return bool(error * SHARE > min(smallest))


def fast_neighbours(k: int, setting: Setting) -> tuple[Neighbours, dict[str, Any]]:
    """The k nearest neighbours by cosine, in few digits where these serve, in float32 of the other representations; and
    what is to be told of them.
    """
    groups, plan, count = setting.groups, setting.plan, wanted(k, setting.groups, setting.subsets)
    work = replace(setting.tile_pass(groups), layout=layout(groups, plan.tile_rows))
    halves = setting.subsets.holdout is not None
    tried = candidates.trials(work, count, halves, setting.seed, setting.run)
    low = {r: found for r, found in enumerate(tried) if found is not None and found[1].serves}
    rest = [r for r in range(len(tried)) if r not in low]
    parts: list[tuple[Sequence[int], Neighbours]] = []
    if rest:
        exact = second_order(
            *_some(rest, setting), groups, setting.subsets, work.layout, searches={COSINE: k}, null=False,
            strip_rows=plan.strip_rows, device=setting.device, seed=setting.seed, run=setting.run,
            budget=plan.budget,
        )  # fmt: skip
        parts.append((rest, exact.neighbours[COSINE]))
    if not low:
        return parts[0][1], {"precision": "exact: few digits do not serve any representation"}
    step = candidates.at_once(groups.n)
    for start in range(0, len(low), step):
        numbers = list(low)[start : start + step]
        reps, frames = _some(numbers, setting)
        fast = replace(work, representations=reps, frames=frames, low=tuple(low[r][0] for r in numbers))
        found = candidates.neighbours(
            fast, count, max(low[r][1].extra for r in numbers), halves=halves,
            strip_rows=plan.strip_rows, run=setting.run,
        )  # fmt: skip
        parts.append((numbers, found))
    told = {
        "precision": "fast", "entries alike": min(trial.alike for _, trial in low.values()),
        "measured on": candidates.SAMPLE_ROWS, "in float32": [setting.representations[r].name for r in rest],
    }  # fmt: skip
    return together(parts, groups), told


def _some(numbers: Sequence[int], setting: Setting) -> tuple[tuple[Representation, ...], tuple[Frame, ...]]:
    return tuple(setting.representations[r] for r in numbers), tuple(setting.frames[r] for r in numbers)
