"""Metrics on whole dissimilarity matrices, evaluated pair by pair on every subset of rows."""

from collections.abc import Sequence

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.inference.null import orders
from consilience.engine.inference.subsets import Groups, Subsets, subsets
from consilience.engine.metrics.registry import Request
from consilience.engine.passes import executors
from consilience.engine.passes.moment_state import Pair
from consilience.engine.passes.triangles import MOST_SAMPLES, Triangles, matrix_of
from consilience.engine.planning import first_order_groups
from consilience.engine.scoring.evaluated import Evaluated, drawn_tail
from consilience.engine.scoring.setting import Setting


def evaluate(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    """Every request over the pairs, with the null of seeded permutations."""
    groups = setting.groups.merged(first_order_groups(setting.groups.count, setting.size.whole))
    chosen = subsets(groups.count, se=setting.se)
    return [_evaluate(r, setting, groups, chosen) for r in requests]


def check_size(request: Request, n: int) -> None:
    """Refuse more samples than whole matrices are made for."""
    if n > MOST_SAMPLES:
        raise BadInput(
            f"at most {MOST_SAMPLES} samples for {request.id!r}, which orders all pairs of pairs", str(n),
            "use compare=rho_a, which is as fair to matrices with many ties and has no such limit",
        )  # fmt: skip


def _evaluate(request: Request, setting: Setting, groups: Groups, chosen: Subsets) -> Evaluated:
    size, work = len(setting.representations), setting.tile_pass(groups)
    calls = [(work, request.space, k) for k in range(size)]
    matrices = setting.run(matrix_of, calls, executors.joined, stage="matrices")
    count = setting.permutations if setting.null else 0
    permuted = list(orders(groups.n, count, setting.seed))
    pairs = [(request, matrices[a], matrices[b], groups, chosen, permuted, (a, b)) for a, b in setting.asked]
    found = setting.run(_pair, pairs, executors.joined, stage=request.metric.name)
    values = np.full((chosen.count + count, size, size), np.nan)
    for (a, b), scores in found:
        values[:, a, b] = values[:, b, a] = scores
    scores, draws = values[: chosen.count], values[chosen.count :]
    if not count:
        return Evaluated(request, scores, chosen, groups.n)
    tail = drawn_tail(draws, scores[chosen.full], request)
    return Evaluated(request, scores, chosen, groups.n, tail, None, f"{count} permutations")


def _pair(
    request: Request,
    left: np.ndarray,
    right: np.ndarray,
    groups: Groups,
    chosen: Subsets,
    permuted: Sequence[np.ndarray],
    pair: Pair,
) -> list[tuple[Pair, list[float]]]:
    """The scores of one pair on every subset, then those with the samples of the right side permuted."""
    finish, given = request.metric.finish, request.parameters
    row, column = np.triu_indices(groups.n, 1)
    group = np.repeat(np.arange(groups.count), groups.sizes)
    scores = []
    for mask in chosen.masks:
        inside = mask[group]
        keep = inside[row] & inside[column]
        if keep.sum() < 2:  # one distance has no order
            scores.append(np.nan)
            continue
        scores.append(finish(Triangles(*(m[row[keep], column[keep]] for m in (left, right))), **given))
    scores += [finish(Triangles(left[row, column], right[o[row], o[column]]), **given) for o in permuted]
    return [(pair, scores)]
