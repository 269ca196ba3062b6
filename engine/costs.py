"""What each kind of pass costs: operations, bytes read, memory, and seconds on a machine of a given speed."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

from consilience.engine.machine import Speed
from consilience.engine.pairs import covering

TILE_ROWS, STRIP_ROWS, LEAST_ROWS = 512, 768, 16
# Of few representations large tiles and long strips are small enough: fewer, larger products.
FEW, LARGE_TILE_ROWS, LONG_STRIP_ROWS = 4, 1024, 2560
FIRST_ORDER_GROUPS, MANY_PAIRS, GROUPS_OF_MANY = 10, 100, 5
ALLOCATOR = 64.0 * 2**20  # what the C library keeps of freed memory, in each thread that frees much
# Measured per element or operation on the kernels as they are; they enter the estimates only.
NEIGHBOUR_NS, SPACE_NS, ENTRY_NS = 12.0, 2.5, 40.0
# By item size: to rank a distance, to make bins of the sample's, and the bytes that each of those takes meanwhile.
RANK_NS, BINS_NS, SAMPLE_BYTES = {4: 25.0, 8: 200.0}, {4: 60.0, 8: 290.0}, {4: 16.0, 8: 40.0}
DECOMPOSITION_FLOPS, DECOMPOSITION_RATE, OVERLAP_RATE = 2.0, 0.5, 0.6
TOGETHER = 24  # representations of which the pairs of one task are
MAP_FLOPS, GALLERY_NS = 20.0, 40.0


def shape_rows(n: int) -> int:
    """Of how many samples the third-order terms of the null are taken."""
    return min(n, max(512, min(n // 10, 2048)))


@dataclass(frozen=True)
class Size:
    """What decides the cost: samples, units of each representation (1 of an RDM), bytes a number, row groups, pairs
    wanted, bytes of memory that reading takes beside the rows read, how many representations are RDMs, how many
    pairs there are in the comparison of which these are a part (0: no more than these), and of which representations
    the neighbours are known."""

    n: int
    widths: tuple[int, ...]
    itemsize: int
    groups: int
    pairs: tuple[tuple[int, int], ...]
    beside: float = 0.0
    rdms: int = 0
    among: int = 0
    known: tuple[int, ...] = ()

    @property
    def whole(self) -> int:
        """Pairs of the whole comparison."""
        return self.among or len(self.pairs)

    @cached_property
    def lefts(self) -> tuple[int, ...] | None:
        """The representations whose products with all others are the pairs wanted; None: of all with all."""
        return covering([(a, b) for a, b in self.pairs if a != b], self.count)

    def unknown(self, needs: "Needs") -> "Size":
        """The representations whose neighbours are searched by themselves; the lists of the others are in memory."""
        lists = sum(list_memory(self.n, len(self.known), k) for _, k in needs.searches)
        widths = tuple(d for r, d in enumerate(self.widths) if r not in self.known)
        return replace(
            self, widths=widths, pairs=(), beside=self.beside + lists, rdms=min(self.rdms, len(widths)), known=(),
        )  # fmt: skip

    @property
    def products(self) -> float:
        """Products of two representations that a sweep over tiles takes."""
        return float(self.count * (self.count if self.lefts is None else len(self.lefts) + 1))

    @property
    def count(self) -> int:
        return len(self.widths)

    @property
    def units(self) -> int:
        return sum(self.widths)

    def tile_flops(self) -> float:
        return float(self.n) ** 2 * (self.units + self.products)

    def cubes(self) -> float:
        """Σ d_a d_b min(d_a, d_b) over the pairs: what a decomposition of each takes, but for a factor."""
        return float(
            sum(self.widths[a] * self.widths[b] * min(self.widths[a], self.widths[b]) for a, b in self.pairs)
        )

    def areas(self) -> float:
        """Σ d_a d_b over the pairs: the numbers in their matrices."""
        return float(sum(self.widths[a] * self.widths[b] for a, b in self.pairs))

    def moment_flops(self) -> float:
        return 2.0 * self.n * self.areas()


@dataclass(frozen=True)
class HeldOut:
    """What a metric on held-out samples asks for: a fitted map, a gallery (0: all samples), and draws for its null."""

    fits: bool
    gallery: int
    drawn: bool


@dataclass(frozen=True)
class Needs:
    """What the metrics ask of the passes: spaces of sums, neighbour searches, the folds of each first-order metric (0:
    in sample) and how many decompositions the work of it is, unions of neighbours (space, k), batches (space, samples),
    spaces within classes, whole matrices.
    """

    spaces: frozenset[str] = frozenset()
    searches: tuple[tuple[str, int], ...] = ()
    first_order: tuple[tuple[int, float], ...] = ()
    held_out: tuple[HeldOut, ...] = ()
    unions: tuple[tuple[str, int], ...] = ()
    batches: tuple[tuple[str, int], ...] = ()
    classes: frozenset[str] = frozenset()
    triangles: int = 0


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


def state_memory(size: Size, needs: Needs) -> float:
    """Bytes of the accumulated statistics of the tile pass."""
    sums = 8.0 * size.count * size.n * (size.groups + 1) + 8.0 * size.count**2 * size.groups**2 / 2
    lists = sum(list_memory(size.n, size.count, k) for _, k in needs.searches)
    tables = sum(2.0**21 * size.count for s in needs.spaces if s.endswith("/ranks"))
    return len(needs.spaces) * sums + lists + tables


def list_memory(n: int, representations: int, k: int) -> float:
    """Bytes of the neighbours of all samples and within halves, while they are sought and sorted."""
    return 2.0 * 12 * representations * n * (k + 20)


def tile_memory(size: Size, needs: Needs, tile_rows: int, strip_rows: int, threads: int) -> float:
    """Peak bytes above the inputs: rows held, tiles in every space wanted, and the statistics."""
    rows = 2.0 * (strip_rows + 2 * tile_rows) * size.units / 2 * size.itemsize
    spaces = {s.removesuffix("/ranks") for s in needs.spaces} | {s for s, _ in needs.searches} | {"linear"}
    tiles = 1 + 2 * len(spaces - {"linear"}) + sum(3 for s in needs.spaces if s.endswith("/ranks"))
    rows += 8.0 * strip_rows * tile_rows * bool(size.rdms)  # entries, before they enter the tile
    tiles += 6 * bool(needs.searches)  # 64-bit keys, and what the search copies
    tile = tiles * float(size.count) * tile_rows**2 * size.itemsize
    ranked = any(s.endswith("/ranks") for s in needs.spaces)
    sample = min(size.n, 2048) ** 2 * SAMPLE_BYTES[size.itemsize] * ranked
    overlaps = 6.0 * 4 * 2**22 if needs.searches else 0.0  # the chunks in which common neighbours are counted
    held = threads * max(rows + tile, sample) + overlaps + 2 * state_memory(size, needs)
    return held + ALLOCATOR * threads + size.beside


def tile_steps(size: Size, needs: Needs, tile: int, strip: int, speed: Speed) -> list[Step]:
    elements = float(size.n) ** 2 / 2 * size.count
    block = f"{tile} × {tile}"
    loads = float(size.n) ** 2 / 2 * (size.units / strip + size.rdms) * size.itemsize
    memory = tile_memory(size, needs, tile, strip, speed.sharing)
    rate = speed.float32 if size.itemsize == 4 else speed.float64
    flops = float(size.n) ** 2 * (size.units + size.products * len(needs.spaces))
    # Narrow representations do not reach the full rate of a large product.
    seconds = flops / (0.65 * rate) + loads / speed.read
    per_element = sum(SPACE_NS for s in needs.spaces if s != "linear")
    ranked = [s for s in needs.spaces if s.endswith("/ranks")]
    per_element += RANK_NS[size.itemsize] * len(ranked)
    per_element += NEIGHBOUR_NS * 2 * len(needs.searches)
    per_element += ENTRY_NS * size.rdms / size.count
    seconds += elements * per_element * 1e-9 / speed.threads
    sampled = min(size.n, 2048) ** 2 / 2 * size.count * len(ranked)
    seconds += sampled * BINS_NS[size.itemsize] * 1e-9 / speed.threads
    seconds += overlap_seconds(size, needs, speed)
    step = Step("tiles", "exact", block, flops, loads, memory, seconds)
    if ranked and size.n > 2048:
        half = float(size.n) ** 2 * size.units * len(ranked)
        binned = elements * RANK_NS[size.itemsize] * len(ranked) * 1e-9 / speed.threads
        return [Step("ranks", "exact", block, half, loads, memory, half / (0.65 * rate) + binned), step]
    return [step]


def search_steps(whole: Size, unknown: Size, needs: Needs, tile: int, strip: int, speed: Speed) -> list[Step]:
    """The search of those whose neighbours are not known, and what is counted on the lists of the whole."""
    seconds = overlap_seconds(whole, needs, speed)
    if not unknown.count:
        return [Step("neighbours", "known", "", 0.0, 0.0, unknown.beside, seconds)]
    (step,) = tile_steps(unknown, needs, tile, strip, speed)
    return [replace(step, name="neighbours", seconds=step.seconds + seconds)]


def overlap_seconds(size: Size, needs: Needs, speed: Speed) -> float:
    """To count common neighbours on every subset of rows."""
    flops = sum(2.0 * size.n * min(size.n, 2 * size.count * k) * size.products for _, k in needs.searches)
    return 1.6 * size.groups * flops / (OVERLAP_RATE * speed.float32)


def moment_step(size: Size, budget: float, speed: Speed) -> Step:
    flops = size.moment_flops()
    rate = speed.float32 if size.itemsize == 4 else speed.float64
    memory = moment_memory(size, size.groups, budget)
    # Samples for the tail of the null.
    memory += 6.0 * speed.threads * shape_rows(size.n) ** 2 * size.itemsize
    # Where the matrices of all pairs do not fit, there is a sweep for as many as do.
    sweeps = max(1, math.ceil(8.0 * size.groups * size.areas() / (budget / 4)))
    together = min(size.count, 3 * math.sqrt(len(size.pairs) / sweeps))
    read = float(size.n) * size.units / size.count * together * sweeps * size.itemsize
    return Step(
        "moments", "exact", "4096 rows", flops, read, memory, flops / (0.8 * rate) + 2 * read / speed.read
    )


def first_order_step(
    size: Size, needs: Needs, budget: float, speed: Speed, evaluations: int, permutations: int
) -> Step:
    every = {folds for folds, _ in needs.first_order}
    sweeps = len(every)  # folds are groups of their own
    flops = size.moment_flops() * (1 + permutations) * sweeps
    metrics = sum(max(1, folds) * work for folds, work in needs.first_order)
    spectral = DECOMPOSITION_FLOPS * metrics * size.cubes() * (evaluations + permutations)
    seconds = flops / (0.7 * speed.float64) + spectral / (DECOMPOSITION_RATE * speed.float64)
    groups = FIRST_ORDER_GROUPS * max(1, *every)
    memory = moment_memory(replace(size, itemsize=8), groups, budget)
    widest = sum(sorted(size.widths)[-TOGETHER:])
    rows = speed.sharing * row_bytes(size.n, widest, len(needs.first_order))
    memory += min(rows, budget / 4) * bool(permutations)
    read = float(size.n) * size.units * size.itemsize * (1 + permutations) * sweeps
    return Step("moments and decompositions", "exact", "4096 rows", flops + spectral, read, memory, seconds)


def row_bytes(n: int, units: int, metrics: int) -> float:
    """Rows in float64, and of each metric what it maps them to, as they are and in another order."""
    return 8.0 * n * units * (1 + 2 * metrics)


def held_out_step(size: Size, needs: Needs, budget: float, speed: Speed, permutations: int) -> Step:
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
    memory = kept + speed.sharing * thread
    if any(need.fits for need in needs.held_out):
        memory += moment_memory(replace(size, itemsize=8), 1, budget)
    return Step("held-out samples", "exact", "4096 rows", flops, read, memory, seconds)


def moment_memory(size: Size, groups: int, budget: float) -> float:
    matrices = 8.0 * groups * sum((size.widths[a] + 2) * (size.widths[b] + 2) for a, b in size.pairs)
    blocks = 4096.0 * size.itemsize * 2 * size.units
    return min(matrices, budget / 4) * 2 + blocks * 2 + ALLOCATOR + size.beside
