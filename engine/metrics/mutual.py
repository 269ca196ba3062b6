"""Pairs of points of two sets that are among each other's nearest, on every subset of the held-out samples."""

from collections.abc import Iterator

import numpy as np

from consilience.engine.inference.split import Held
from consilience.engine.passes.neighbours import kept


def nearest(similarity: np.ndarray, k: int) -> np.ndarray:
    """The k columns of greatest similarity in each row (m, k), greatest first, ties by lower column number."""
    m, columns = similarity.shape
    k = min(k, columns)
    last = np.partition(similarity, columns - k, axis=1)[:, columns - k, None]
    chosen = similarity >= last
    if np.count_nonzero(chosen) > m * k:  # of those that tie with the last, the first ones
        tied = similarity == last
        room = k - (chosen & ~tied).sum(axis=1, keepdims=True)
        chosen &= ~tied | (np.cumsum(tied, axis=1) <= room)
    found = np.nonzero(chosen)[1].reshape(m, k)
    order = np.argsort(-np.take_along_axis(similarity, found, 1), axis=1, kind="stable")
    return np.take_along_axis(found, order, 1)


def mutual_shares(similarity: np.ndarray, held: Held, k: int) -> np.ndarray:
    """Share of all samples, of both sides, in a mutual pair, (S,), for similarities (m, m) of x_i with y_j.

    Lists are found among all samples, and among each half; the subsets within are had by taking samples out of them.
    """
    shares = np.empty(held.subsets.count)
    for scope, members in _scopes(held):
        inside = held.inside[scope]
        among = similarity if inside.all() else similarity[np.ix_(inside, inside)]
        groups = held.subsets.masks[scope].sum()
        width = kept(k, len(among) + 1, 1 / groups if len(members) > 1 else 0.0)
        to_y, to_x = nearest(among, width), nearest(among.T.copy(), width)
        place = np.full(among.shape, -1, np.int32)  # (j, i): where x_i stands in the list of y_j
        np.put_along_axis(place, to_x, np.arange(to_x.shape[1], dtype=np.int32), 1)
        back = place[to_y, np.arange(len(among))[:, None]]
        for s in members:
            stays = held.inside[s, inside]
            there, here = (_first(stays, lists, k) for lists in (to_y, to_x))
            mutual = there & (back >= 0) & here[to_y, back]
            partners = np.zeros(len(among), bool)
            partners[to_y[mutual]] = True
            shares[s] = (mutual.any(axis=1).sum() + partners.sum()) / (2 * stays.sum())
    return shares


def _scopes(held: Held) -> Iterator[tuple[int, list[int]]]:
    """The subsets whose samples are searched, and those evaluated on what is found."""
    chosen, every = held.subsets, range(held.subsets.count)
    yield chosen.full, [chosen.full, *every[chosen.leave_out]]
    if chosen.select is not None:
        yield chosen.select, [chosen.select]
    if chosen.holdout is not None:
        yield chosen.holdout, [chosen.holdout, *every[chosen.holdout_leave_out]]


def _first(stays: np.ndarray, lists: np.ndarray, k: int) -> np.ndarray:
    """Which entries of the lists (m, width) are the first k of those that stay."""
    usable = stays[lists]
    return usable & (np.cumsum(usable, axis=1) <= k)
