"""One sweep over the tiles for every space and every neighbour search that the metrics ask for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from consilience.engine.features.representation import Representation
from consilience.engine.inference.subsets import Groups, Subsets
from consilience.engine.passes.blocks import Frame, compute_dtype
from consilience.engine.passes.executors import Run
from consilience.engine.passes.gram import GramSums
from consilience.engine.passes.layout import Layout
from consilience.engine.passes.low import Bfloat16
from consilience.engine.passes.near import MARGIN, reordered
from consilience.engine.passes.nearest import Nearest
from consilience.engine.passes.neighbours import Neighbours, wanted
from consilience.engine.passes.ranks import BinCounts, sampled_bins
from consilience.engine.passes.ranks_table import RankTable
from consilience.engine.passes.sample import Shape
from consilience.engine.passes.sums import Sums
from consilience.engine.passes.tile import Statistic
from consilience.engine.passes.tiles import TilePass, sweep

RANKS = "/ranks"


@dataclass(frozen=True)
class SecondOrder:
    """What the sweep found: sums by space (``linear``, ``rdm-correlation/ranks``, …), neighbours by space."""

    sums: dict[str, Sums]
    neighbours: dict[str, Neighbours]


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
    run: Run,
    medians: tuple[float, ...] | None = None,
    fast: bool = False,
    lefts: tuple[int, ...] | None = None,
    dtype: np.dtype[Any] | None = None,
    budget: float = 0.0,
) -> SecondOrder:
    """Sums of each of `spaces`, and the k nearest neighbours for each space: k of `searches`.

    Args:
        null: whether the third-order terms, for p-values, are wanted.
        run: executes tasks; see `passes.executors.run`.
        fast: whether Gram tiles may be made of bfloat16 rows.
        medians: pairwise distances in the frames, for the spaces of kernels that have a bandwidth.
        lefts: the representations of which one is in every pair wanted; sums of other pairs stay NaN.
        dtype: of the tiles, where these representations are some of several.
        budget: bytes, of which rows that are read once and kept may take a share.
    """
    work = TilePass(
        tuple(representations), tuple(frames), groups, layout, (), dtype or compute_dtype(representations), device,
        medians, (Bfloat16(),) * len(representations) if fast else (), budget,
    )  # fmt: skip
    spaces = sorted(spaces)
    tables = rank_tables(work, spaces, seed=seed, strip_rows=strip_rows, run=run)
    grams = [GramSums(s.removesuffix(RANKS), tables.get(s), lefts) for s in spaces]
    rough = work.dtype == np.float32
    nearest = [
        Nearest(
            space,
            min(wanted(k, groups, subsets) + rough * MARGIN, groups.n - 1),
            groups.order,
            subsets.holdout is not None,
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
        found = s.finalize(state, groups, layout)
        found_neighbours[s.space] = reordered(work, s.space, found, run) if rough else found
    return SecondOrder(sums, found_neighbours)


def rank_tables(
    work: TilePass, spaces: Sequence[str], *, seed: int, strip_rows: int, run: Run
) -> dict[str, tuple[RankTable, ...]]:
    """The rank tables of those of `spaces` that are of ranks, by space."""
    return {
        s: _tables(work, s.removesuffix(RANKS), seed, strip_rows, run) for s in spaces if s.endswith(RANKS)
    }


def _tables(work: TilePass, space: str, seed: int, strip_rows: int, run: Run) -> tuple[RankTable, ...]:
    """Rank tables of the distances of every representation."""
    bins, counts = sampled_bins(work, space, seed, run)
    if not counts:
        counting = BinCounts(space, bins)
        (counts,) = sweep(
            replace(work, statistics=(counting,)), strip_rows=strip_rows, run=run, stage="ranks"
        )
    return tuple(b.ranks(c, work.device) for b, c in zip(bins, counts))
