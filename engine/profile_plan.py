"""What a profile will do and cost, decided before it starts: its passes, blocks, memory and time."""

from collections.abc import Sequence
from dataclasses import dataclass

from consilience.engine.costs.moments import DECOMPOSITION_RATE
from consilience.engine.costs.size import ALLOCATOR, Size, Step
from consilience.engine.costs.tiles import LEAST_ROWS, NEIGHBOUR_NS, STRIP_ROWS, TILE_ROWS
from consilience.engine.errors import BadInput
from consilience.engine.inference.halves import smallest_half
from consilience.engine.machine import Speed, gigabytes
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.moments import BLOCK_ROWS
from consilience.engine.passes.near import CHUNK_ELEMENTS
from consilience.engine.passes.neighbours import kept
from consilience.engine.planning import Plan

ITEM = 8  # bytes a number: everything is computed in float64
SPECTRUM_FLOPS = 4.0  # of the eigenvalues of a (d, d) matrix, in d³
COVARIANCE_BYTES = 2.0**28  # representations share no product, so that a few at a time keep all threads busy
DIRECTION_NS, ROW_NS = 10.0, 6.0  # measured, per pair of samples and per feature
PROBE_COPIES = 4  # of the train samples of a probe, in its fit
PROBE_PRODUCTS = 500  # of all features with a vector: classes times steps, in a case of middling difficulty


@dataclass(frozen=True)
class ProfilePlan(Plan):
    """The passes, and how many representations are swept over tiles together."""

    batch: int


@dataclass(frozen=True)
class Single:
    """What the metrics need: which statistics, and how many candidates for the neighbours of a sample."""

    statistics: frozenset[str]
    candidates: int

    @property
    def directions(self) -> bool:
        return "directions" in self.statistics


def single_needs(requests: Sequence[Request], n: int, groups: int) -> Single:
    """What these metrics need, together."""
    most = max((r.nearest for r in requests if r.needs == "distances"), default=0)
    candidates = kept(most, n, 1 - smallest_half(groups)) if most else 0
    return Single(frozenset(r.needs for r in requests), candidates)


def plan_profile(
    n: int, widths: Sequence[int], groups: int, requests: Sequence[Request], *, budget: float, speed: Speed
) -> ProfilePlan:
    """Blocks and batches by memory, for n samples in `groups` row groups of representations of so many units.

    Raises:
        BadInput: if even the smallest blocks of one representation need more than `budget`; it names both numbers.
    """
    size = Size(n, tuple(widths), ITEM, groups, ())
    needs = single_needs(requests, n, groups)
    steps, batch, tile, strip = [], size.count, TILE_ROWS, STRIP_ROWS
    if "covariance" in needs.statistics:
        steps.append(_covariance_step(size, budget, speed))
    if "means" in needs.statistics:
        steps.append(_row_step(size, speed))
    if "probe" in needs.statistics:
        steps.append(_probe_step(size, [r for r in requests if r.needs == "probe"], budget, speed))
    if needs.directions or needs.candidates:
        batch, tile, strip = _blocks(size, needs, budget, speed)
        steps.append(_tile_step(size, needs, batch, tile, strip, speed))
    return ProfilePlan(tuple(steps), False, tile, strip, budget, batch)


def covariance_bytes(budget: float) -> float:
    """For the covariances, one a group of rows, of the representations that are summed up together."""
    return min(budget / 4, COVARIANCE_BYTES)


def tile_memory(size: Size, needs: Single, batch: int, tile: int, strip: int, threads: int) -> float:
    """Peak bytes above the inputs, for the widest `batch` representations: rows and tiles held, and neighbours."""
    units = sum(sorted(size.widths)[-batch:])
    copies = 3 * needs.directions + 10 * bool(
        needs.candidates
    )  # of a tile: spaces, and the search's 64-bit keys
    numbers = (strip + 2.0 * tile) * units + batch * tile * (strip + float(copies) * tile)
    if needs.candidates:
        numbers += 3 * CHUNK_ELEMENTS
    lists = 4.0 * 12 * batch * size.n * needs.candidates
    return threads * (numbers * ITEM + ALLOCATOR) + lists


def _blocks(size: Size, needs: Single, budget: float, speed: Speed) -> tuple[int, int, int]:
    """Representations together, rows of a tile and of a strip: large tiles before many representations."""
    tile = min(TILE_ROWS, -(-size.n // size.groups))
    strip = min(STRIP_ROWS, max(TILE_ROWS // 4, size.n // (2 * speed.threads)))

    def memory(batch: int) -> float:
        return tile_memory(size, needs, batch, tile, strip, speed.sharing)

    while memory(1) > budget and tile > LEAST_ROWS:
        tile, strip = tile // 2, strip // 2
    if memory(1) > budget:
        raise BadInput(
            f"a profile within the budget of {gigabytes(budget)}",
            f"{gigabytes(memory(1))} with the smallest blocks of one representation",
            f"raise the budget to {gigabytes(memory(1) * 1.1)}",
        )
    return max(b for b in range(1, size.count + 1) if b == 1 or memory(b) <= budget), tile, strip


def _covariance_step(size: Size, budget: float, speed: Speed) -> Step:
    squares, widest = float(sum(d * d for d in size.widths)), max(size.widths)
    spectra = SPECTRUM_FLOPS * sum(d**3 for d in size.widths) * (1 + size.groups)
    flops = size.n * squares
    seconds = flops / (0.7 * speed.float64) + spectra / (DECOMPOSITION_RATE * speed.float64)
    matrices = min(size.groups * squares, max(covariance_bytes(budget) / ITEM, size.groups * widest**2))
    rows = min(BLOCK_ROWS, -(-size.n // size.groups)) * size.units
    memory = ITEM * (2 * matrices + speed.sharing * (4 * widest**2 + rows)) + ALLOCATOR * speed.sharing
    read = float(size.n) * size.units * ITEM
    return Step(
        "covariances and spectra", "exact", f"{BLOCK_ROWS} rows", flops + spectra, read, memory, seconds
    )


def _row_step(size: Size, speed: Speed) -> Step:
    features = float(size.n) * size.units
    block = speed.sharing * BLOCK_ROWS * max(size.widths)
    memory = 4.0 * ITEM * (block + size.groups * size.units) + ALLOCATOR * speed.sharing
    seconds = features * ROW_NS * 1e-9 / speed.threads
    return Step("row sums", "exact", f"{BLOCK_ROWS} rows", 6 * features, features * ITEM, memory, seconds)


def _probe_step(size: Size, probes: Sequence[Request], budget: float, speed: Speed) -> Step:
    rows = [min(r.parameters["samples"], size.n // 2 + 1) for r in probes]
    widest = sum(sorted(size.widths)[-speed.sharing :])
    numbers = PROBE_COPIES * max(rows) * widest + speed.sharing * 3.0 * BLOCK_ROWS * max(size.widths)
    memory = ITEM * numbers + ALLOCATOR * speed.sharing
    if memory > budget:
        raise BadInput(
            f"probes within the budget of {gigabytes(budget)}", f"{gigabytes(memory)} for {max(rows):,} train samples",
            f"use fewer samples, as in probe:samples={max(4, max(rows) // 4)}, or raise the budget to "
            f"{gigabytes(memory * 1.1)}",
        )  # fmt: skip
    flops = 4.0 * PROBE_PRODUCTS * sum(rows) * size.units
    read = float(size.n) * size.units * ITEM * len(probes)
    seconds = flops / (0.5 * speed.float64) + read / speed.read
    return Step("probes", "exact", f"{BLOCK_ROWS} rows", flops, read, memory, seconds)


def _tile_step(size: Size, needs: Single, batch: int, tile: int, strip: int, speed: Speed) -> Step:
    flops = float(size.n) ** 2 * size.units
    loads = float(size.n) ** 2 / 2 / strip * size.units * ITEM
    again = float(size.n) * needs.candidates * size.units * ITEM  # neighbours, from rows all over the table
    seconds = flops / (0.65 * speed.float64) + (loads + 4 * again) / speed.read
    nanoseconds = DIRECTION_NS * needs.directions + 2 * NEIGHBOUR_NS * bool(needs.candidates)
    seconds += float(size.n) ** 2 / 2 * size.count * nanoseconds * 1e-9 / speed.threads
    memory = tile_memory(size, needs, batch, tile, strip, speed.sharing)
    return Step("tiles", "exact", f"{tile} × {tile}", flops, loads + again, memory, seconds)
