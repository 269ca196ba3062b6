"""What a comparison will do and cost, decided before it starts: which pass, which blocks, how much memory and time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from consilience.engine.errors import BadInput
from consilience.engine.inference.subsets import subsets
from consilience.engine.machine import Speed
from consilience.engine.metrics.registry import Request

TILE_ROWS, STRIP_ROWS, LEAST_ROWS = 512, 768, 16
FIRST_ORDER_GROUPS, MANY_PAIRS, GROUPS_OF_MANY = 10, 100, 5
ALLOCATOR = 64.0 * 2**20  # what the C library keeps of freed memory, in each thread that frees much
# Measured per element or operation on the kernels as they are; they enter the estimates only.
NEIGHBOUR_NS, RANK_NS, SPACE_NS, SORT_NS = 12.0, 200.0, 2.5, 40.0
DECOMPOSITION_FLOPS, DECOMPOSITION_RATE, OVERLAP_RATE = 2.0, 0.5, 0.6
MAP_FLOPS, GALLERY_NS = 20.0, 40.0


@dataclass(frozen=True)
class Size:
    """What decides the cost: samples, units of each representation, bytes a number, row groups, pairs wanted, and bytes
    of memory that reading takes beside the rows read."""

    n: int
    widths: tuple[int, ...]
    itemsize: int
    groups: int
    pairs: tuple[tuple[int, int], ...]
    beside: float = 0.0

    @property
    def count(self) -> int:
        return len(self.widths)

    @property
    def units(self) -> int:
        return sum(self.widths)

    def tile_flops(self) -> float:
        return float(self.n) ** 2 * (self.units + self.count**2)

    def cubes(self) -> float:
        """Σ d_a d_b min(d_a, d_b) over the pairs: what a decomposition of each takes, but for a factor."""
        return float(
            sum(self.widths[a] * self.widths[b] * min(self.widths[a], self.widths[b]) for a, b in self.pairs)
        )

    def moment_flops(self) -> float:
        return 2.0 * self.n * sum(self.widths[a] * self.widths[b] for a, b in self.pairs)


@dataclass(frozen=True)
class HeldOut:
    """What a metric on held-out samples asks for: a fitted map, a gallery (0: all samples), and draws for its null."""

    fits: bool
    gallery: int
    drawn: bool


@dataclass(frozen=True)
class Needs:
    """What the metrics ask of the passes: spaces of sums, neighbour searches, and the folds of each first-order metric
    (0: in sample).
    """

    spaces: frozenset[str] = frozenset()
    searches: tuple[tuple[str, int], ...] = ()
    first_order: tuple[int, ...] = ()
    held_out: tuple[HeldOut, ...] = ()


def needs_of(requests: Sequence[Request]) -> Needs:
    """What these metrics need, together."""
    searches: dict[str, int] = {}
    for r in requests:
        if r.needs in ("neighbours", "unions"):
            searches[r.space] = max(searches.get(r.space, 0), r.parameters["k"])
    return Needs(
        frozenset(r.space for r in requests if r.needs == "sums"),
        tuple(searches.items()),
        tuple(r.parameters.get("folds", 0) for r in requests if r.needs == "moments"),
        tuple(
            HeldOut(r.fits, r.parameters.get("gallery", 0), r.metric.null is None)
            for r in requests
            if r.needs == "held_out"
        ),
    )


def pairs_of(a: Sequence[int], b: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Each pair of one of `a` with one of `b` once, and every representation with itself."""
    wanted = {(min(i, j), max(i, j)) for i in a for j in b}
    return tuple(sorted(wanted | {(i, i) for i in {*a, *b}}))


@dataclass(frozen=True)
class Step:
    """One pass of a plan. `flops` and `bytes` are totals, `memory` is the peak above the inputs, in bytes."""

    name: str
    how: str
    block: str
    flops: float
    bytes: float
    memory: float
    seconds: float


@dataclass(frozen=True)
class Plan:
    """The passes in order, and the choices the comparison follows."""

    steps: tuple[Step, ...]
    linear_by_moments: bool
    tile_rows: int
    strip_rows: int
    budget: float

    @property
    def seconds(self) -> float:
        return sum(s.seconds for s in self.steps)

    @property
    def memory(self) -> float:
        return max((s.memory for s in self.steps), default=0.0)


def make_plan(
    size: Size, needs: Needs, *, budget: float, speed: Speed, se: bool = True, permutations: int = 20
) -> Plan:
    """Choose passes by cost, blocks by memory.

    Raises:
        BadInput: if even the smallest blocks need more memory than `budget`; it names both numbers.
    """
    by_moments = needs.spaces == {"linear"} and not needs.searches and size.moment_flops() < size.tile_flops()
    steps = []
    tile_rows, strip_rows = min(TILE_ROWS, -(-size.n // size.groups)), STRIP_ROWS
    if by_moments:
        steps.append(_moment_step(size, budget, speed))
    elif needs.spaces or needs.searches:
        tile_rows, strip_rows = _blocks(size, needs, budget, speed.threads)
        steps += _tile_steps(size, needs, tile_rows, strip_rows, speed)
    if needs.first_order:
        few = first_order_groups(size.groups, len(size.pairs))
        evaluations = subsets(few, se=se).count
        steps.append(_first_order_step(size, needs, budget, speed, evaluations, permutations))
    if needs.held_out:
        steps.append(_held_out_step(size, needs, budget, speed, permutations))
    return Plan(tuple(steps), by_moments, tile_rows, strip_rows, budget)


def state_memory(size: Size, needs: Needs) -> float:
    """Bytes of the accumulated statistics of the tile pass."""
    sums = 8.0 * size.count * size.n * (size.groups + 1) + 8.0 * size.count**2 * size.groups**2 / 2
    lists = sum(2.0 * 12 * size.count * size.n * (k + 20) for _, k in needs.searches)
    tables = sum(4.0 * size.itemsize * 2**16 * size.count for s in needs.spaces if s.endswith("/ranks"))
    return len(needs.spaces) * sums + lists + tables


def tile_memory(size: Size, needs: Needs, tile_rows: int, strip_rows: int, threads: int) -> float:
    """Peak bytes above the inputs: rows held, tiles in every space wanted, and the statistics."""
    rows = 2.0 * (strip_rows + 2 * tile_rows) * size.units / 2 * size.itemsize
    spaces = {s.removesuffix("/ranks") for s in needs.spaces} | {s for s, _ in needs.searches} | {"linear"}
    tiles = 1 + 2 * len(spaces - {"linear"}) + sum(3 for s in needs.spaces if s.endswith("/ranks"))
    tiles += 6 * bool(needs.searches)  # 64-bit keys, and what the search copies
    tile = tiles * float(size.count) * tile_rows**2 * size.itemsize
    sample = (
        min(size.n, 2048) ** 2 * 8.0 * size.itemsize
        if any(s.endswith("/ranks") for s in needs.spaces)
        else 0.0
    )
    overlaps = 6.0 * 4 * 2**22 if needs.searches else 0.0  # the chunks in which common neighbours are counted
    held = max(threads * (rows + tile), sample) + overlaps + 2 * state_memory(size, needs)
    return held + ALLOCATOR * threads + size.beside


def _blocks(size: Size, needs: Needs, budget: float, threads: int) -> tuple[int, int]:
    # Strips so short that there are several pairs of them for each thread.
    tile, strip = TILE_ROWS, min(STRIP_ROWS, max(TILE_ROWS // 4, size.n // (2 * threads)))
    while tile_memory(size, needs, tile, strip, threads) > budget and tile > LEAST_ROWS:
        tile, strip = tile // 2, strip // 2
    least = tile_memory(size, needs, tile, strip, threads)
    if least > budget:
        raise BadInput(
            f"a tile pass within the budget of {gigabytes(budget)}",
            f"{gigabytes(least)} with the smallest blocks, {gigabytes(state_memory(size, needs))} of it statistics",
            f"raise the budget to {gigabytes(least * 1.1)}, use fewer row groups, or compare fewer layers at a time",
        )
    return tile, strip


def _tile_steps(size: Size, needs: Needs, tile: int, strip: int, speed: Speed) -> list[Step]:
    elements = float(size.n) ** 2 / 2 * size.count
    block = f"{tile} × {tile}"
    loads = float(size.n) ** 2 / 2 / strip * size.units * size.itemsize
    memory = tile_memory(size, needs, tile, strip, speed.threads)
    rate = speed.float32 if size.itemsize == 4 else speed.float64
    flops = float(size.n) ** 2 * (size.units + size.count**2 * max(len(needs.spaces), 0))
    # Narrow representations do not reach the full rate of a large product.
    seconds = flops / (0.65 * rate) + loads / speed.read
    per_element = sum(SPACE_NS for s in needs.spaces if s != "linear")
    per_element += sum(RANK_NS for s in needs.spaces if s.endswith("/ranks"))
    per_element += NEIGHBOUR_NS * 2 * len(needs.searches)
    seconds += elements * per_element * 1e-9 / speed.threads
    sorts = sum(SORT_NS for s in needs.spaces if s.endswith("/ranks"))
    seconds += min(size.n, 2048) ** 2 / 2 * size.count * sorts * 1e-9
    for _, k in needs.searches:  # common neighbours, counted on every subset of rows
        overlaps = 2.0 * size.n * min(size.n, 2 * size.count * k) * size.count**2
        seconds += 1.6 * size.groups * overlaps / (OVERLAP_RATE * speed.float32)
    step = Step("tiles", "exact", block, flops, loads, memory, seconds)
    counting = [s for s in needs.spaces if s.endswith("/ranks")]
    if counting and size.n > 2048:
        half = float(size.n) ** 2 * size.units
        again = half / (0.65 * rate) + elements * RANK_NS * 1e-9 * len(counting) / speed.threads
        return [Step("ranks", "exact", block, half * len(counting), loads, memory, again), step]
    return [step]


def _moment_step(size: Size, budget: float, speed: Speed) -> Step:
    flops = size.moment_flops()
    rate = speed.float32 if size.itemsize == 4 else speed.float64
    memory = _moment_memory(size, size.groups, budget)
    read = float(size.n) * size.units * size.itemsize
    return Step(
        "moments", "exact", "4096 rows", flops, read, memory, flops / (0.8 * rate) + 2 * read / speed.read
    )


def _first_order_step(
    size: Size, needs: Needs, budget: float, speed: Speed, evaluations: int, permutations: int
) -> Step:
    sweeps = len(set(needs.first_order))  # folds are groups of their own
    flops = size.moment_flops() * (1 + permutations) * sweeps
    metrics = sum(max(1, folds) for folds in needs.first_order)
    spectral = DECOMPOSITION_FLOPS * metrics * size.cubes() * (evaluations + permutations)
    seconds = flops / (0.7 * speed.float64) + spectral / (DECOMPOSITION_RATE * speed.float64)
    groups = FIRST_ORDER_GROUPS * max(1, *needs.first_order)
    memory = _moment_memory(replace(size, itemsize=8), groups, budget)
    read = float(size.n) * size.units * size.itemsize * (1 + permutations) * sweeps
    return Step("moments and decompositions", "exact", "4096 rows", flops + spectral, read, memory, seconds)


def _held_out_step(size: Size, needs: Needs, budget: float, speed: Speed, permutations: int) -> Step:
    held, widest = size.n - size.n // 2, max(size.widths)
    flops = seconds = read = kept = 0.0
    largest = 0
    for need in needs.held_out:
        m = min(held, need.gallery) if need.gallery else held
        largest = max(largest, m if need.gallery else 0)
        times = 1.0 + permutations * need.drawn
        if need.fits:
            flops += times * (1.5 * size.moment_flops() + MAP_FLOPS * size.cubes())
            kept += sum(24.0 * d * d for d in size.widths)
            read += times * size.n * size.units * size.itemsize
        if need.gallery:
            elements = float(m) ** 2 * len(size.pairs)
            flops += times * 4 * elements * size.units / size.count
            seconds += times * elements * GALLERY_NS * 1e-9 / speed.threads
            kept += 8.0 * m * size.units
    seconds += flops / (0.7 * speed.float64)
    thread = 80.0 * largest**2 + 8.0 * widest * (4 * 4096 + 4 * widest) + ALLOCATOR
    memory = kept + speed.threads * thread
    if any(need.fits for need in needs.held_out):
        memory += _moment_memory(replace(size, itemsize=8), 1, budget)
    return Step("held-out samples", "exact", "4096 rows", flops, read, memory, seconds)


def _moment_memory(size: Size, groups: int, budget: float) -> float:
    matrices = 8.0 * groups * sum((size.widths[a] + 2) * (size.widths[b] + 2) for a, b in size.pairs)
    blocks = 4096.0 * size.itemsize * 2 * size.units
    return min(matrices, budget / 4) * 2 + blocks * 2 + ALLOCATOR + size.beside


def first_order_groups(groups: int, pairs: int) -> int:
    """Row groups of metrics that decompose a matrix for every pair and group: fewer, and fewer still for many pairs."""
    few = GROUPS_OF_MANY if pairs > MANY_PAIRS else FIRST_ORDER_GROUPS
    return few if groups % few == 0 else groups


def gigabytes(value: float) -> str:
    """Bytes in words: GB, MB or kB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value / 1e3:.1f} kB"
