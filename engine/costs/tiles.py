"""What a sweep over tiles costs: sums in several spaces, ranks of distances, neighbours and those in common."""

from dataclasses import replace

from consilience.engine.costs.size import ALLOCATOR, Needs, Size, Step, list_memory
from consilience.engine.inference.subsets import Subsets
from consilience.engine.machine import Speed

TILE_ROWS, STRIP_ROWS, LEAST_ROWS = 512, 768, 16
# Of few representations large tiles and long strips are small enough: fewer, larger products.
FEW, LARGE_TILE_ROWS, LONG_STRIP_ROWS = 4, 1024, 2560
# Rows that take no more, and no more than this share of the budget, are read once and kept until the sweep is over.
KEPT_BYTES, KEPT_SHARE = 2**26, 1 / 16
# Measured per element on the kernels as they are; they enter the estimates only.
NEIGHBOUR_NS, SPACE_NS, ENTRY_NS, OVERLAP_RATE, COUNT_NS = 12.0, 2.5, 40.0, 0.6, 8.0
CUT_NS = 25.0  # an entry of the lists, cut down to one subset
# By item size: to rank a distance, to make bins of the sample's, and the bytes that each of those takes meanwhile.
RANK_NS, BINS_NS, SAMPLE_BYTES = {4: 12.0, 8: 200.0}, {4: 60.0, 8: 290.0}, {4: 16.0, 8: 40.0}


def state_memory(size: Size, needs: Needs) -> float:
    """Bytes of the accumulated statistics of the tile pass."""
    sums = 8.0 * size.count * size.n * (size.groups + 1) + 8.0 * size.count**2 * size.groups**2 / 2
    lists = sum(list_memory(size.n, size.count, k) for _, k in needs.searches)
    tables = 2.0**21 * size.count * len(needs.ranked)
    return len(needs.spaces) * sums + lists + tables


def kept_memory(n: int, units: int, itemsize: int, budget: float) -> float:
    """Bytes that n rows of so many units take where they are kept; 0 where they are too many."""
    size = float(n * units * itemsize)
    return size if size <= min(KEPT_BYTES, KEPT_SHARE * budget) else 0.0


def tile_memory(
    size: Size, needs: Needs, tile_rows: int, strip_rows: int, threads: int, budget: float
) -> float:
    """Peak bytes above the inputs: rows held, tiles in every space wanted, and the statistics."""
    kept = kept_memory(size.n, size.units, size.itemsize, budget)
    rows = 0.0 if kept else float((strip_rows + 2 * tile_rows) * size.units * size.itemsize)
    spaces = {s.removesuffix("/ranks") for s in needs.spaces} | {s for s, _ in needs.searches} | {"linear"}
    tiles = 1 + 2 * len(spaces - {"linear"}) + 3 * len(needs.ranked)
    rows += 8.0 * strip_rows * tile_rows * bool(size.rdms)  # entries, before they enter the tile
    tiles += 6 * bool(needs.searches)  # 64-bit keys, and what the search copies
    tile = tiles * float(size.count) * tile_rows**2 * size.itemsize
    sample = min(size.n, 2048) ** 2 * SAMPLE_BYTES[size.itemsize] * bool(needs.ranked)
    overlaps = 6.0 * 4 * 2**22 if needs.searches else 0.0  # the chunks in which common neighbours are counted
    held = threads * max(rows + tile, sample) + overlaps + 2 * state_memory(size, needs)
    return kept + held + ALLOCATOR * threads + size.beside


def tile_steps(size: Size, needs: Needs, tile: int, strip: int, budget: float, speed: Speed) -> list[Step]:
    elements = float(size.n) ** 2 / 2 * size.count
    block = f"{tile} × {tile}"
    read = (
        kept_memory(size.n, size.units, size.itemsize, budget)
        or size.n**2 / 2 * size.units / strip * size.itemsize
    )
    loads = read + size.n**2 / 2 * size.rdms * size.itemsize
    memory = tile_memory(size, needs, tile, strip, speed.sharing, budget)
    rate = speed.float32 if size.itemsize == 4 else speed.float64
    flops = float(size.n) ** 2 * (size.units + size.products * len(needs.spaces))
    # Narrow representations do not reach the full rate of a large product.
    seconds = flops / (0.65 * rate) + loads / speed.read
    per_element = SPACE_NS * len(needs.spaces - {"linear"})
    ranked = len(needs.ranked)
    per_element += RANK_NS[size.itemsize] * ranked
    per_element += NEIGHBOUR_NS * 2 * len(needs.searches)
    per_element += ENTRY_NS * size.rdms / size.count
    seconds += elements * per_element * 1e-9 / speed.threads
    sampled = min(size.n, 2048) ** 2 / 2 * size.count * ranked
    seconds += sampled * BINS_NS[size.itemsize] * 1e-9 / speed.threads
    seconds += overlap_seconds(size, needs, speed)
    step = Step("tiles", "exact", block, flops, loads, memory, seconds)
    if ranked and size.n > 2048:
        half = float(size.n) ** 2 * size.units * ranked
        binned = elements * RANK_NS[size.itemsize] * ranked * 1e-9 / speed.threads
        return [Step("ranks", "exact", block, half, loads, memory, half / (0.65 * rate) + binned), step]
    return [step]


def search_steps(
    whole: Size, unknown: Size, needs: Needs, tile: int, strip: int, budget: float, speed: Speed
) -> list[Step]:
    """The search of those whose neighbours are not known, and what is counted on the lists of the whole."""
    seconds = overlap_seconds(whole, needs, speed)
    if not unknown.count:
        return [Step("neighbours", "known", "", 0.0, 0.0, unknown.beside, seconds)]
    (step,) = tile_steps(unknown, needs, tile, strip, budget, speed)
    return [replace(step, name="neighbours", seconds=step.seconds + seconds)]


def overlap_seconds(size: Size, needs: Needs, speed: Speed) -> float:
    """To count common neighbours on every subset of rows."""
    counted = 1.6 * size.groups * float(size.n) * size.products
    flops = sum(2.0 * counted * min(size.n, 2 * size.count * k) for _, k in needs.overlaps)
    each = counted * COUNT_NS * len(needs.overlaps)
    each += 1.6 * size.groups * size.n * size.count * sum(k + 20 for _, k in needs.overlaps) * CUT_NS
    return each * 1e-9 / speed.threads + flops / (OVERLAP_RATE * speed.float32)


def list_step(size: Size, needs: Needs, speed: Speed, chosen: Subsets, permutations: int) -> Step:
    """To score the lists on every subset, one after the other, and the permuted ones side by side."""
    shares, seconds = chosen.masks.mean(axis=1), 0.0
    drawn = permutations * float(shares[list(chosen.tested)].sum()) / speed.threads
    for metric in needs.lists:
        times = float(shares.sum()) * metric.scored + drawn * metric.drawn
        seconds += times * size.n * size.products * metric.work.entries(1, 1) * 1e-9
    most = max(k for _, k in needs.searches)
    lists = 8.0 * size.count * size.n * most
    memory = state_memory(size, replace(needs, spaces=frozenset())) + lists * (3 + 4 * speed.sharing)
    return Step(
        "neighbour lists", "exact", "all samples", 0.0, 0.0, memory + ALLOCATOR * speed.sharing, seconds
    )
