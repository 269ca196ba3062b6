"""Metrics on the similarities of every sample with the union of its neighbours, chunk after chunk of samples."""

from dataclasses import dataclass

import numpy as np
import torch

from consilience.engine.inference.null import orders
from consilience.engine.inference.subsets import Subsets
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.columns import labelled, one_hot
from consilience.engine.passes.neighbours import Neighbours
from consilience.engine.passes.tiles import TilePass
from consilience.engine.passes.unions import Side, union_of, values_of
from consilience.engine.scoring.evaluated import Evaluated, drawn_tail, mirrored
from consilience.engine.scoring.setting import Setting

CHUNK_ELEMENTS = 2**20


@dataclass(frozen=True)
class Work:
    """What a chunk's task needs. `orders` (permutations, n) replace pass row i of the right side by another."""

    request: Request
    rows: TilePass
    found: Neighbours
    subsets: Subsets
    orders: np.ndarray


Sums = tuple[np.ndarray, np.ndarray]  # (S, R, R) over subsets, (permutations, R, R)


def from_unions(request: Request, found: Neighbours, setting: Setting) -> Evaluated:
    """The metric on every subset of the rows, and on all rows with one side permuted."""
    n, chosen, metric = setting.groups.n, setting.subsets, request.metric
    count = setting.permutations if setting.null else 0
    permuted = np.array(list(orders(n, count, setting.seed))).reshape(count, n)
    work = Work(request, setting.tile_pass(setting.groups), found, chosen, permuted)
    width = min(len(setting.representations) * 2 * found.whole.shape[2], n)
    step = max(1, CHUNK_ELEMENTS // max(len(setting.representations) * width, n * (1 + count) // 8))
    calls = [(work, np.arange(start, min(start + step, n))) for start in range(0, n, step)]
    sums, draws = setting.run(_chunk, calls, _added, stage=metric.name)
    sizes = chosen.masks @ setting.groups.sizes
    values = mirrored(sums / sizes[:, None, None], request.symmetric)
    if not count:
        return Evaluated(request, values, chosen, n)
    null = drawn_tail(draws / n, values[chosen.full], request)
    return Evaluated(request, values, chosen, n, null, None, f"{count} permutations")


def _added(parts: list[Sums]) -> Sums:
    sums, draws = zip(*parts)
    return np.sum(sums, axis=0), np.sum(draws, axis=0)


def _chunk(work: Work, rows: np.ndarray) -> Sums:
    """Sums of the metric over the pass rows `rows`."""
    if work.rows.device == "cpu":
        torch.set_num_threads(1)  # the tasks are the threads
    metric, given = work.request.metric, work.request.parameters
    found, k = work.found, work.request.parameters["k"]
    group = np.repeat(np.arange(found.groups.count), found.groups.sizes)[rows]
    lists = [found.within(work.subsets, s, k, rows) for s in range(work.subsets.count)]
    labels, union = _numbered(lists, rows)
    permuted = [_permuted(work, rows, lists[work.subsets.full], order) for order in work.orders]
    wanted = [(rows, union)]
    for order, (_, joint) in zip(work.orders, permuted):
        wanted += [(rows, joint), (order[rows], order[joint])]
    values, *drawn = values_of(work.rows, work.request.space, wanted)
    sums = []
    for s, mask in enumerate(work.subsets.masks):
        inside = mask[group]
        hot = one_hot(labels[inside, :, s * k : (s + 1) * k], union.shape[1], torch.float64)
        side = Side(values[inside], hot)
        sums.append(metric.finish(side, side, **given))
    draws = []
    for p, (both, joint) in enumerate(permuted):
        left, right = (one_hot(x, joint.shape[1], torch.float64) for x in (both[:, :, :k], both[:, :, k:]))
        draws.append(metric.finish(Side(drawn[2 * p], left), Side(drawn[2 * p + 1], right), **given))
    return np.array(sums), np.array(draws).reshape(len(draws), *sums[0].shape)


def _permuted(
    work: Work, rows: np.ndarray, lists: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As `_numbered`, the lists of `rows` and those that they have where sample i of the right side is ``order[i]``."""
    k = work.request.parameters["k"]
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    other = work.found.within(work.subsets, work.subsets.full, k, order[rows])
    return _numbered([lists, np.where(other >= 0, back[other], -1)], rows)


def _numbered(lists: list[np.ndarray], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels (m, R, k of all lists) of the neighbours of the samples `rows`, and the pass row behind each, (m, w)."""
    joined = np.concatenate(lists, axis=2).transpose(1, 0, 2)
    labels = labelled(joined)
    return labels, union_of(joined, labels, rows)
