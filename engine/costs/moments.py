"""What moments cost, and what is made of them: decompositions of every pair, maps fitted and scored."""

import math
from dataclasses import replace

from consilience.engine.costs.size import ALLOCATOR, Needs, Size, Step
from consilience.engine.inference.subsets import Subsets
from consilience.engine.machine import Speed

FIRST_ORDER_GROUPS, MANY_PAIRS, GROUPS_OF_MANY = 10, 100, 5
# Measured per operation on the kernels as they are; they enter the estimates only.
DECOMPOSITION_RATE = 0.5
SUBSET_NS = 9.0  # a number in the matrix of a pair on one subset of the groups
RESIDUAL_NS = 15.0  # a held-out number, read for a pair and predicted
WORKING = 32  # matrices of (d, d) at a time: `riemann` has them of twice as many rows and columns
ORDER_NS = 3.0  # a number in the rows of a representation in another order
TOGETHER = 24  # representations of which the pairs of one task are


def shape_rows(n: int) -> int:
    """Of how many samples the third-order terms of the null are taken."""
    return min(n, max(512, min(n // 10, 2048)))


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
    tail = 2.0 * size.count * float(shape_rows(size.n)) ** 3
    seconds = flops / (0.8 * rate) + tail / (0.5 * rate) + 2 * read / speed.read
    return Step("moments", "exact", "4096 rows", flops, read, memory, seconds)


def first_order_step(
    size: Size, needs: Needs, budget: float, speed: Speed, chosen: Subsets, permutations: int
) -> Step:
    """`chosen` are the subsets of the rows that every metric is evaluated on."""
    precise = 1 + 2 * (chosen.holdout is not None)
    flops = seconds = read = 0.0
    widest = sum(sorted(size.widths)[-TOGETHER:])
    rows = speed.sharing * row_bytes(size.n, widest, len(needs.first_order))
    for folds in {folds for folds, _ in needs.first_order}:  # which are groups of their own
        works, times = (
            [work for f, work in needs.first_order if f == folds and not work.shared],
            max(1, folds),
        )
        works += {work for f, work in needs.first_order if f == folds and work.shared}
        held = not folds and rows <= budget / 4
        spectral = entries = 0.0
        for work in works:
            own = chosen.count * size.own_decompositions(work, size.n)
            rough = (chosen.count - precise + permutations) * size.decompositions(work, size.n, False)
            spectral += times * (own + rough + precise * size.decompositions(work, size.n, True))
            entries += times * (chosen.count + permutations) * size.entries(work)
        entries += times * (chosen.count + permutations * (not held)) * SUBSET_NS * size.areas()
        entries += permutations * held * len(works) * ORDER_NS * size.n * size.units
        sums = size.moment_flops() * (1 + permutations * (not held))
        # What maps make of rows is in the dtype of the features, and of each metric another product.
        drawn = size.moment_flops() * permutations * held * len(works)
        rate = speed.float32 if size.itemsize == 4 else speed.float64
        seconds += (sums / speed.float64 + drawn / rate) / 0.7
        seconds += spectral / speed.float64 + entries * 1e-9 / speed.threads
        flops += sums + drawn + spectral
        read += float(size.n) * size.units * size.itemsize * (1 + permutations * (not held))
    groups = FIRST_ORDER_GROUPS * max(1, *(folds for folds, _ in needs.first_order))
    memory = moment_memory(replace(size, itemsize=8), groups, budget)
    memory += min(rows, budget / 4) * bool(permutations)
    # What representations contribute stays until all pairs are scored; and what one decomposition takes meanwhile.
    squares, largest = sum(float(d) ** 2 for d in size.widths), float(max(size.widths)) ** 2
    kept = sum(2.0 * max(1, folds) * (work.own > 0) for folds, work in needs.first_order)
    memory += 8.0 * chosen.count * kept * squares + speed.sharing * (8.0 * WORKING * largest + ALLOCATOR)
    return Step("moments and decompositions", "exact", "4096 rows", flops, read, memory, seconds)


def row_bytes(n: int, units: int, metrics: int) -> float:
    """Rows in float64, and of each metric what it maps them to, as they are and in another order."""
    return 8.0 * n * units * (1 + 2 * metrics)


def held_out_step(size: Size, needs: Needs, budget: float, speed: Speed, permutations: int) -> Step:
    train = size.n // 2
    held, widest = size.n - train, max(size.widths)
    flops = seconds = read = kept = 0.0
    largest = 0
    for need in needs.held_out:
        m, work = min(held, need.gallery) if need.gallery else held, need.work
        largest = max(largest, m if need.gallery else 0)
        draws = permutations * need.drawn
        if need.fits:
            flops += (1 + draws) * (0.5 + m / size.n) * size.moment_flops()
            flops += size.own_decompositions(work, train) + size.decompositions(work, train, True)
            flops += draws * size.decompositions(work, train, False)
            kept += sum(24.0 * d * d for d in size.widths)
            read += (1 + draws) * size.n * size.units * size.itemsize
            residuals = 2.0 * len(size.pairs) * m * size.units / size.count * (not need.gallery)
            seconds += residuals * RESIDUAL_NS * 1e-9 / speed.threads
        if need.gallery:
            elements = float(m) ** 2 * len(size.pairs)
            flops += (1 + draws) * 2 * elements * size.units / size.count
            each = work.entries(1, 1) * (1 + draws) + work.null * bool(permutations)
            seconds += elements * each * 1e-9 / speed.threads
            kept += 8.0 * m * size.units
    seconds += flops / (0.7 * speed.float64) + read / speed.read
    thread = 80.0 * largest**2 + 8.0 * widest * (4 * 4096 + 4 * widest) + ALLOCATOR
    memory = kept + speed.sharing * thread
    if any(need.fits for need in needs.held_out):
        memory += moment_memory(replace(size, itemsize=8), 1, budget)
    return Step("held-out samples", "exact", "4096 rows", flops, read, memory, seconds)


def moment_memory(size: Size, groups: int, budget: float) -> float:
    """Peak bytes above the inputs: the matrices of as many pairs as fit a quarter of the budget, of one at least."""
    pairs = [8.0 * groups * (size.widths[a] + 2) * (size.widths[b] + 2) for a, b in size.pairs]
    matrices = max(min(sum(pairs), budget / 4), max(pairs, default=0.0))
    blocks = 4096.0 * size.itemsize * 2 * size.units
    return matrices * 2 + blocks * 2 + ALLOCATOR + size.beside
