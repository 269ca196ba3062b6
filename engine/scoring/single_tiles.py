"""Metrics of one representation on pairs of samples: their directions, and the distances to nearest neighbours."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from consilience.engine.inference.halves import half_sample_error, half_samples, smallest_half
from consilience.engine.inference.subsets import Groups
from consilience.engine.metrics.registry import Request
from consilience.engine.passes import near
from consilience.engine.passes.directions import DirectionState, DirectionSums
from consilience.engine.passes.executors import joined
from consilience.engine.passes.layout import layout
from consilience.engine.passes.nearest import Nearest
from consilience.engine.passes.neighbours import kept
from consilience.engine.passes.tiles import TilePass, sweep
from consilience.engine.scoring.single import DTYPE, HALVES, NONE, Profiled, SingleWork, jackknifed


def from_tiles(requests: Sequence[Request], work: SingleWork) -> list[Profiled]:
    """Every request on every representation, swept a batch at a time."""
    parts = []
    for start in range(0, len(work.representations), work.batch):
        some = slice(start, start + work.batch)
        batch = replace(work, representations=work.representations[some], frames=work.frames[some])
        parts.append(_swept(requests, batch))
    return [_one(of_request) for of_request in zip(*parts)]


def _one(parts: Sequence[Profiled]) -> Profiled:
    """One metric on all representations, from its values on some at a time."""
    score, se, n = (np.concatenate([getattr(p, name) for p in parts]) for name in ("score", "se", "n"))
    return replace(parts[0], score=score, se=se, n=n)


def _swept(requests: Sequence[Request], work: SingleWork) -> list[Profiled]:
    groups = work.groups
    directions = [q for q in requests if q.needs == "directions"]
    distances = [q for q in requests if q.needs == "distances"]
    splits = half_samples(groups.count)
    apart, nearest = (
        DirectionSums(groups.count, len(work.representations)),
        _search(distances, groups),
    )
    tiles = TilePass(
        work.representations, work.frames, groups, layout(groups, work.tile_rows),
        (apart,) * bool(directions) + (nearest,) * bool(distances), DTYPE, work.device, pool=work.pool,
    )  # fmt: skip
    states = sweep(tiles, strip_rows=work.strip_rows, run=work.run)
    found: list[Profiled] = []
    if directions:
        found += _from_directions(directions, apart, states[0], work)
    if distances:
        lists = nearest.finalize(states[-1], groups, tiles.layout).whole
        found += _from_neighbours(distances, tiles, lists, splits, work)
    by_id = {profiled.request.id: profiled for profiled in found}
    return [by_id[request.id] for request in requests]


def _from_directions(
    requests: Sequence[Request], apart: DirectionSums, state: DirectionState, work: SingleWork
) -> list[Profiled]:
    chosen = work.chosen
    values, directed = apart.finalize(state, work.groups, chosen.masks)
    return [
        jackknifed(q, q.metric.finish(values, **q.parameters), directed[chosen.full], chosen)
        for q in requests
    ]


def _search(requests: Sequence[Request], groups: Groups) -> Nearest:
    """Enough candidates for the metric that wants most neighbours, in the smallest half of any split."""
    most = max((q.nearest for q in requests), default=1)
    width = kept(most, groups.n, 1 - smallest_half(groups.count))
    return Nearest("rdm-euclidean", width, groups.order, False, groups.count)


def _from_neighbours(
    requests: Sequence[Request], tiles: TilePass, lists: np.ndarray, splits: np.ndarray, work: SingleWork
) -> list[Profiled]:
    """From the candidates (R, n, width) of every sample, their distances looked at again on the features."""
    groups = work.groups
    masks = np.concatenate([np.ones((1, groups.count), bool), splits, ~splits])
    calls = [(requests, tiles, r, lists[r], masks) for r in range(len(lists))]
    costs = [float(r.d) for r in work.representations]
    found = np.array(work.run(_on_subsets, calls, joined, costs=costs, stage="neighbours"))
    share = splits @ groups.sizes / groups.n
    profiled = []
    for request, (n, score, *halves) in zip(requests, found.transpose(1, 2, 0)):
        one, other = np.array(halves).reshape(2, len(share), len(score))
        error, count = (HALVES, groups.count) if len(share) else (NONE, 0)
        profiled.append(Profiled(request, score, half_sample_error(one, other, share), n, count, error))
    return profiled


def _on_subsets(
    requests: Sequence[Request], tiles: TilePass, r: int, lists: np.ndarray, masks: np.ndarray
) -> list[np.ndarray]:
    """(requests, 1 + subsets) of one representation: how many of all samples count, and the scores on every subset.

    A sample with a copy is left out, and so is the odd one too few of whose candidates are in the subset.
    """
    away = near.distances(tiles, r, lists)
    found = np.empty((len(requests), 1 + len(masks)))
    for s, mask in enumerate(masks):
        inside = np.repeat(mask, tiles.groups.sizes)
        within = np.sort(np.where(inside[lists[inside]], away[inside], np.inf), axis=1)
        for q, request in enumerate(requests):
            some = within[(within[:, 0] > 0) & np.isfinite(within[:, request.nearest - 1]), : request.nearest]
            found[q, 1 + s] = _finished(request, some)
            if s == 0:
                found[q, 0] = len(some)
    return [found]


def _finished(request: Request, distances: np.ndarray) -> float:
    """The score on distances (m, k) of some samples; NaN where it is undefined."""
    if not len(distances):
        return float("nan")
    with np.errstate(invalid="ignore", divide="ignore"):
        score = request.metric.finish(distances, **request.parameters)
    return score if np.isfinite(score) else float("nan")
