"""What moments cost, and what is made of them: decompositions of every pair, maps fitted and scored."""

import math
from dataclasses import replace

from consilience.engine.costs.size import ALLOCATOR, Needs, Size, Step
from consilience.engine.machine import Speed

FIRST_ORDER_GROUPS, MANY_PAIRS, GROUPS_OF_MANY = 10, 100, 5
# Measured per operation on the kernels as they are; they enter the estimates only.
DECOMPOSITION_FLOPS, DECOMPOSITION_RATE = 2.0, 0.5
MAP_FLOPS, GALLERY_NS = 20.0, 40.0
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
