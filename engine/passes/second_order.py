"""One sweep over the tiles for every space and every neighbour search that the metrics ask for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups, Subsets
from consilience.engine.passes import executors
from consilience.engine.passes.blocks import Frame, compute_dtype
from consilience.engine.passes.gram import GramSums
from consilience.engine.passes.layout import Layout
from consilience.engine.passes.near import MARGIN, inner_products, reordered
from consilience.engine.passes.neighbours import Nearest, Neighbours, kept
from consilience.engine.passes.ranks import BinCounts, sampled_distances
from consilience.engine.passes.ranks_table import RankTable, bin_counts, edges_of, table
from consilience.engine.passes.sample import Shape, median_distance
from consilience.engine.passes.spaces import RBF
from consilience.engine.passes.sums import Sums
from consilience.engine.passes.tiles import Statistic, TilePass, sweep

RANKS = "/ranks"


@dataclass(frozen=True)
class SecondOrder:
    """What the sweep found: sums by space (``linear``, ``rdm-correlation/ranks``, …), neighbours by space.

    `medians`: the pairwise distance of each representation that set the bandwidth of a kernel, if one was asked for.
    """

    sums: dict[str, Sums]
    neighbours: dict[str, Neighbours]
    medians: list[float] | None = None


def second_order(
    representations: Sequence[Representation],
    frames: Sequence[Frame],
    groups: Groups,
    subsets: Subsets,
    layout: Layout,
    *,
    spaces: Collection[str] = (),
    searches: Mapping[str, int] | None = None,
    null: bool = True,
    strip_rows: int,
    device: str = "cpu",
    seed: int = 0,
    run: Callable[..., Any],
) -> SecondOrder:
    """Sums of each of `spaces`, and the k nearest neighbours for each space: k of `searches`.

    Args:
        null: whether the third-order terms, for p-values, are wanted.
        run: executes tasks; see `passes.executors.run`.
    """
    work = TilePass(
        tuple(representations), tuple(frames), groups, layout, (), compute_dtype(representations), device
    )
    spaces = sorted(spaces)
    work, tables = prepared(work, spaces, seed=seed, strip_rows=strip_rows, run=run)
    grams = [GramSums(s.removesuffix(RANKS), tables.get(s)) for s in spaces]
    half = subsets.holdout is not None
    left_out = (2 if half else 1) / groups.count if subsets.leave_out.stop > 1 else 0.0
    rough = work.dtype == np.float32
    nearest = [
        Nearest(
            space,
            min(kept(k, groups.n, left_out) + rough * MARGIN, groups.n - 1),
            groups.order,
            half,
            groups.count,
        )
        for space, k in (searches or {}).items()
    ]
    shapes = [Shape(g.space, g.ranks, seed) for g in grams if null]
    statistics: tuple[Statistic, ...] = (*grams, *shapes, *nearest)
    states = sweep(replace(work, statistics=statistics), strip_rows=strip_rows, run=run)
    sums = {}
    for k, (space, gram) in enumerate(zip(spaces, grams)):
        sums[space] = gram.finalize(states[k], groups, layout, subsets)
        if null:
            third, bend = shapes[k].finalize(states[len(grams) + k])
            sums[space] = replace(sums[space], third=third, bend=bend)
    found_neighbours = {}
    for s, state in zip(nearest, states[len(grams) + len(shapes) :]):
        found = replace(s.finalize(state, groups, layout), inner=partial(inner_products, work))
        found_neighbours[s.space] = reordered(work, s.space, found, run) if rough else found
    medians = work.medians and [m / f.scale for m, f in zip(work.medians, frames)]
    return SecondOrder(sums, found_neighbours, medians or None)


def prepared(
    work: TilePass, spaces: Sequence[str], *, seed: int, strip_rows: int, run: Callable[..., Any]
) -> tuple[TilePass, dict[str, tuple[RankTable, ...]]]:
    """The pass with the bandwidths that `spaces` ask for, and the rank tables of those that are of ranks."""
    if any(s.startswith(RBF) for s in spaces):
        calls = [(work, k, seed) for k in range(len(work.representations))]
        work = replace(work, medians=tuple(run(median_distance, calls, executors.joined, stage="bandwidth")))
    return work, {
        s: _tables(work, s.removesuffix(RANKS), seed, strip_rows, run) for s in spaces if s.endswith(RANKS)
    }


def _tables(
    work: TilePass, space: str, seed: int, strip_rows: int, run: Callable[..., Any]
) -> tuple[RankTable, ...]:
    """Rank tables of the distances of every representation."""
    tables, steps, edges = [], [], []
    for step, distances, all_rows in sampled_distances(work, space, seed):
        knots = edges_of(distances)
        steps.append(step)
        edges.append(knots)
        if all_rows:
            tables.append(table(step, knots, bin_counts(distances, knots), work.device))
    if tables:
        return tuple(tables)
    counting = BinCounts(space, tuple(steps), tuple(torch.from_numpy(e).to(work.device) for e in edges))
    (counts,) = sweep(replace(work, statistics=(counting,)), strip_rows=strip_rows, run=run, stage="ranks")
    return tuple(table(s, e, c, work.device) for s, e, c in zip(steps, edges, counts))
