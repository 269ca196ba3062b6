"""Metrics on neighbour lists, of a random part of the samples: their neighbours are sought among all samples."""

import numpy as np

from consilience.engine.inference.null import Null
from consilience.engine.inference.subsets import subsets
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.neighbours import NeighbourLists
from consilience.engine.passes.queries import nearest_of
from consilience.engine.scoring.enough import short, told
from consilience.engine.scoring.evaluated import Evaluated, exact_tail, mirrored
from consilience.engine.scoring.lists import compared
from consilience.engine.scoring.setting import Setting

ROUND, FIRST = 20, 320  # groups of the jackknife, and the samples of the first round


def from_queries(request: Request, setting: Setting) -> Evaluated:
    """Rounds of queries until every score is as sure as asked for, or every sample was one."""
    n, k = setting.groups.n, request.parameters["k"]
    shuffled = np.random.default_rng([setting.seed, 2]).permutation(n)
    work = setting.tile_pass(setting.groups)
    lists: list[np.ndarray] = []
    used, wanted = 0, FIRST
    while True:
        rows = shuffled[used:wanted]
        lists.append(nearest_of(work, request.space, setting.groups.position[rows], k, setting.run))
        used += len(rows)
        found = _evaluated(request, np.concatenate(lists, axis=1), shuffled[:used], setting)
        found.notes.update(told(used, float(used) * (n - 1), n, setting))
        if short(found, setting) <= 1 or used == n:
            return found
        wanted = min(n, int(used * short(found, setting) ** 2 * 1.1) + ROUND)


def _evaluated(request: Request, lists: np.ndarray, rows: np.ndarray, setting: Setting) -> Evaluated:
    given, chosen = request.parameters, subsets(ROUND)
    group = np.arange(len(rows)) % ROUND
    values = []
    for mask in chosen.masks:
        inside = mask[group]
        view = NeighbourLists(lists[:, inside], rows[inside])
        values.append(mirrored(compared(request, view, view), request.symmetric))
    scores = np.array(values)
    tail = None
    if setting.null:
        share = given["k"] / (setting.groups.n - 1)
        sd = np.full(scores.shape[1:], np.sqrt(share * (1 - share) / (given["k"] * len(rows))))
        null = Null(np.full_like(sd, share), sd, sd / share, 1 / (given["k"] * len(rows)))
        tail = exact_tail(null, scores[chosen.full], request)
    how = "exact mean, and the variance of independent draws" if tail else "none"
    return Evaluated(request, scores, chosen, len(rows), tail, None, how)
