"""How the sums over permuted matrices are had: matrices held in memory, as many as the budget takes, or moments."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.inference.null import orders
from consilience.engine.machine import gigabytes
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.blocks import compute_dtype
from consilience.engine.passes.layout import layout
from consilience.engine.passes.moment_state import Pair
from consilience.engine.passes.moments import MomentPass, batches
from consilience.engine.passes.permuted import Margins, crosses
from consilience.engine.passes.permuted_moments import crosses_by_moments, linear_margins
from consilience.engine.passes.second_order import RANKS, rank_tables
from consilience.engine.passes.whole import COPIES, whole
from consilience.engine.scoring.setting import Setting

# Operations of a matrix product that take as long as to fetch one entry, and as to begin a task; as measured.
GATHER_FLOPS, TASK_FLOPS = 150.0, 5e7
SHARE = 0.5  # of the budget, for matrices
RUN = 20  # permutations at a time, where nothing is gained from all at once


def pairs_of_two(setting: Setting) -> list[Pair]:
    """The pairs of the setting without those of a representation with itself."""
    return [(a, b) for a, b in setting.pairs if a != b]


def check_memory(requests: Sequence[Request], setting: Setting) -> None:
    """Refuse by name a metric whose matrices do not fit the budget two at a time.

    Raises:
        BadInput: naming both numbers.
    """
    need = 2 * _matrix_bytes(setting) / SHARE
    for r in requests:
        held = r.needs == "sums" and (r.space != "linear" or setting.size.rdms)
        if held and need > setting.plan.budget:
            raise BadInput(
                f"two {setting.groups.n:,} × {setting.groups.n:,} matrices for {r.id!r} within the budget of "
                f"{gigabytes(setting.plan.budget)}",
                f"{gigabytes(need)}",
                f"raise the budget to {gigabytes(need)}, take fewer samples, or choose the layers on one half of the "
                "samples and score them on the other: score_select and score_holdout of compare",
            )


def runs(setting: Setting) -> Iterator[list[np.ndarray]]:
    """The seeded permutations of the samples, so many at a time."""
    every = orders(setting.groups.n, setting.permutations, setting.seed)
    while some := list(islice(every, RUN)):
        yield some


def cross_terms(space: str, setting: Setting) -> Iterator[tuple[np.ndarray, np.ndarray, Margins]]:
    """Permutations (m, n), tr(K_a L_b) of the pairs with b's samples in those orders, (m, R, R), and the margins."""
    if space == "linear" and _moments_are_cheaper(setting):
        yield from _by_moments(setting)
    else:
        every = np.array(list(orders(setting.groups.n, setting.permutations, setting.seed)))
        yield every, *_held(space, setting, every)


def _moments_are_cheaper(setting: Setting) -> bool:
    n, pairs = setting.groups.n, pairs_of_two(setting)
    if setting.size.rdms:
        return False
    lefts, rights = (len(set(side)) for side in zip(*pairs))
    held = float(n) ** 2 * rights * (GATHER_FLOPS / 2 + lefts)
    wide = [r.d for r in setting.representations]
    by_moments = TASK_FLOPS + 2.0 * n * sum(wide[a] * wide[b] for a, b in pairs)
    return by_moments < held or _most(setting) < 2


def _matrix_bytes(setting: Setting) -> float:
    itemsize = compute_dtype(setting.representations).itemsize
    return COPIES * itemsize * float(setting.groups.n) ** 2


def _most(setting: Setting) -> int:
    """How many matrices the budget holds."""
    return int(SHARE * setting.plan.budget / _matrix_bytes(setting))


def _by_moments(setting: Setting) -> Iterator[tuple[np.ndarray, np.ndarray, Margins]]:
    reps, pairs = setting.representations, pairs_of_two(setting)
    work = MomentPass(reps, setting.frames, setting.groups, tuple(pairs), compute_dtype(reps), setting.device)
    margins = linear_margins(work, setting.run)
    chunks = list(batches(reps, pairs, 1, setting.plan.budget / 4 / setting.run.together))
    for some in map(np.array, runs(setting)):
        yield some, crosses_by_moments(work, chunks, margins, some, setting.run), margins


def _held(space: str, setting: Setting, every: np.ndarray) -> tuple[np.ndarray, Margins]:
    reps, n = setting.representations, setting.groups.n
    work = replace(setting.tile_pass(setting.groups), layout=layout(setting.groups, setting.plan.tile_rows))
    strip, run = setting.plan.strip_rows, setting.run
    tables = rank_tables(work, [space], seed=setting.seed, strip_rows=strip, run=run)
    plain, ranks = space.removesuffix(RANKS), tables.get(space)
    margins = Margins(np.zeros((len(reps), n)), np.zeros((len(reps), n)))

    def matrices(some: Sequence[int]) -> dict[int, np.ndarray]:
        found = whole(work, plain, ranks, some, strip_rows=strip, run=run) if some else {}
        for k, matrix in found.items():
            if not plain.startswith("rdm-"):  # the distance of a sample to itself is none
                margins.diag[k] = matrix.diagonal()
            np.fill_diagonal(matrix, 0)
            margins.rows[k] = matrix.sum(axis=1, dtype=np.float64)
        return found

    cross = np.full((len(every), len(reps), len(reps)), np.nan)
    pairs = set(pairs_of_two(setting))
    lefts, rights = (sorted(set(side)) for side in zip(*pairs))
    both, most = {*lefts, *rights}, _most(setting)
    size = len(both) if len(both) <= most else most // 2
    for some in _chunks(lefts, size):
        held = matrices(some)
        for others in _chunks([b for b in rights if any((a, b) in pairs for a in some)], size):
            more = held | matrices([b for b in others if b not in held])
            found = crosses([more[a] for a in some], [more[b] for b in others], every, run)
            cross[:, np.array(some)[:, None], others] = found
    return cross, margins


def _chunks(values: Sequence[int], size: int) -> Iterator[list[int]]:
    return (list(values[start : start + size]) for start in range(0, len(values), size))
