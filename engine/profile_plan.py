"""What a profile will do and cost, decided before it starts: its passes, blocks, memory and time."""

from collections.abc import Sequence
from dataclasses import dataclass

from consilience.engine.errors import BadInput
from consilience.engine.inference.subsets import subsets
from consilience.engine.machine import Speed
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.moments import BLOCK_ROWS
from consilience.engine.passes.neighbours import kept
from consilience.engine.planning import (
    ALLOCATOR,
    DECOMPOSITION_RATE,
    LEAST_ROWS,
    NEIGHBOUR_NS,
    STRIP_ROWS,
    TILE_ROWS,
    Plan,
    Size,
    Step,
    gigabytes,
)

ITEM = 8  # everything is computed in float64
SPECTRUM_FLOPS = 4.0  # of the eigenvalues of a (d, d) matrix, in d³
DIRECTION_NS, ROW_NS = 10.0, 6.0  # measured, per pair of samples and per feature


@dataclass(frozen=True)
class ProfilePlan(Plan):
    """The passes, and how many representations are swept over tiles together."""

    batch: int


@dataclass(frozen=True)
class Single:
    """What the metrics need: of each statistic how many, and the candidates kept for the neighbours of a sample."""

    covariance: int
    means: int
    directions: int
    candidates: int


def single_needs(requests: Sequence[Request], n: int, se: bool) -> Single:
    """What these metrics need, together."""
    counts = {k: sum(r.metric.needs == k for r in requests) for k in ("covariance", "means", "directions")}
    most = max((r.nearest for r in requests if r.metric.needs == "distances"), default=0)
    return Single(**counts, candidates=kept(most, n, 0.5 if se else 0.0) if most else 0)


def plan_profile(
    size: Size, requests: Sequence[Request], *, budget: float, speed: Speed, se: bool = True
) -> ProfilePlan:
    """Blocks and batches by memory.

    Raises:
        BadInput: if even the smallest blocks of one representation need more than `budget`; it names both numbers.
    """
    needs = single_needs(requests, size.n, se)
    steps, batch, tile, strip = [], size.count, TILE_ROWS, STRIP_ROWS
    if needs.covariance:
        steps.append(_covariance_step(size, needs, budget, speed, se))
    if needs.means:
        steps.append(_row_step(size, speed))
    if needs.directions or needs.candidates:
        batch, tile, strip = _blocks(size, needs, budget, speed.threads)
        steps.append(_tile_step(size, needs, batch, tile, strip, speed))
    return ProfilePlan(tuple(steps), False, tile, strip, budget, batch)


def tile_memory(size: Size, needs: Single, batch: int, tile: int, strip: int, threads: int) -> float:
    """Peak bytes above the inputs, for the widest `batch` representations: rows and tiles held, and neighbours."""
    units = sum(sorted(size.widths)[-batch:])
    rows = (strip + 2.0 * tile) * units * ITEM
    tiles = (
        batch * tile * (strip + tile * (3.0 * bool(needs.directions) + 10.0 * bool(needs.candidates))) * ITEM
    )
    lists = 4.0 * 12 * batch * size.n * needs.candidates
    again = threads * 3.0 * 2**20 * ITEM * bool(needs.candidates)
    return threads * (rows + tiles) + lists + again + ALLOCATOR * threads


def _blocks(size: Size, needs: Single, budget: float, threads: int) -> tuple[int, int, int]:
    """Representations together, rows of a tile and of a strip: large tiles before many representations."""
    tile = min(TILE_ROWS, -(-size.n // size.groups))
    strip = min(STRIP_ROWS, max(TILE_ROWS // 4, size.n // (2 * threads)))

    def memory(batch: int) -> float:
        return tile_memory(size, needs, batch, tile, strip, threads)

    while memory(1) > budget and tile > LEAST_ROWS:
        tile, strip = tile // 2, strip // 2
    if memory(1) > budget:
        raise BadInput(
            f"a profile within the budget of {gigabytes(budget)}",
            f"{gigabytes(memory(1))} with the smallest blocks of one representation",
            f"raise the budget to {gigabytes(memory(1) * 1.1)}",
        )
    return max(b for b in range(1, size.count + 1) if b == 1 or memory(b) <= budget), tile, strip


def _covariance_step(size: Size, needs: Single, budget: float, speed: Speed, se: bool) -> Step:
    squares = float(sum(d * d for d in size.widths))
    cubes = float(sum(d**3 for d in size.widths)) * subsets(size.groups, se=se, halves=False).count
    flops = size.n * squares
    seconds = flops / (0.7 * speed.float64) + SPECTRUM_FLOPS * cubes / (DECOMPOSITION_RATE * speed.float64)
    matrices = min(8.0 * size.groups * squares, max(budget / 4, 8.0 * size.groups * max(size.widths) ** 2))
    own = 4.0 * 8 * speed.threads * max(size.widths) ** 2
    rows = 1.0 * speed.threads * min(BLOCK_ROWS, -(-size.n // size.groups)) * size.units * ITEM
    return Step(
        "covariances and spectra", "exact", f"{BLOCK_ROWS} rows", flops + SPECTRUM_FLOPS * cubes,
        float(size.n) * size.units * ITEM, 2 * matrices + own + rows + ALLOCATOR * speed.threads, seconds,
    )  # fmt: skip


def _row_step(size: Size, speed: Speed) -> Step:
    features = float(size.n) * size.units
    memory = (
        4.0 * speed.threads * BLOCK_ROWS * max(size.widths) * ITEM + 4.0 * size.groups * size.units * ITEM
    )
    seconds = features * ROW_NS * 1e-9 / speed.threads
    return Step(
        "row sums", "exact", f"{BLOCK_ROWS} rows", 6 * features, features * ITEM,
        memory + ALLOCATOR * speed.threads, seconds,
    )  # fmt: skip


def _tile_step(size: Size, needs: Single, batch: int, tile: int, strip: int, speed: Speed) -> Step:
    flops = float(size.n) ** 2 * size.units
    pairs = float(size.n) ** 2 / 2 * size.count
    loads = float(size.n) ** 2 / 2 / strip * size.units * ITEM
    again = float(size.n) * needs.candidates * size.units * ITEM
    seconds = flops / (0.65 * speed.float64) + (loads + 4 * again) / speed.read
    seconds += (
        pairs
        * (DIRECTION_NS * needs.directions + 2 * NEIGHBOUR_NS * bool(needs.candidates))
        * 1e-9
        / speed.threads
    )
    memory = tile_memory(size, needs, batch, tile, strip, speed.threads)
    return Step("tiles", "exact", f"{tile} × {tile}", flops, loads + again, memory, seconds)
