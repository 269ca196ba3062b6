"""What passes cost that are not the shared sweep: batches, classes, unions of neighbours, whole matrices."""

from collections.abc import Sequence

from consilience.engine.costs.size import ALLOCATOR, Needs, Size, Step
from consilience.engine.costs.tiles import SPACE_NS
from consilience.engine.machine import Speed

BATCH, SAMPLED_FROM = 512, 10_240  # samples of a random batch; how many make it worth while to draw batches
CLASS_SECONDS, SORT_NS = 0.02, 12.0
UNION_NS = 16.0  # a sample of a union, for one of those whose union it is, on one subset


def batch_step(size: Size, needs: Needs, speed: Speed) -> Step:
    """Whole matrices within random batches."""
    largest = max(min(batch, size.n) for _, batch in needs.batches)
    flops = sum(_within(size, min(batch, size.n)) for _, batch in needs.batches)
    return _matrices("batches", f"{largest} samples", size, speed, flops, largest, len(needs.batches))


def sampled_step(size: Size, needs: Needs, speed: Speed) -> Step:
    """Random batches, and random samples whose neighbours are sought, if every sample has to be read."""
    flops = _within(size, BATCH) * bool(needs.spaces) + 2.0 * size.n**2 / 10 * size.units * len(
        needs.searches
    )
    return _matrices("sampled tiles", f"{BATCH} samples", size, speed, flops, BATCH, len(needs.spaces) or 1)


def class_step(size: Size, needs: Needs, speed: Speed, classes: Sequence[int]) -> Step:
    """A sweep over the tiles of each class."""
    flops = sum(float(n) ** 2 for n in classes) * (size.units + size.products * len(needs.classes))
    step = _matrices("classes", "one class", size, speed, flops, min(max(classes), 1024), len(needs.classes))
    state = 16.0 * size.count * max(classes) * (size.groups + 1) * len(needs.classes)
    return Step(
        step.name, step.how, step.block, flops, step.bytes, step.memory + state,
        step.seconds + CLASS_SECONDS * len(classes),
    )  # fmt: skip


def union_step(size: Size, needs: Needs, speed: Speed, permutations: int, evaluations: int) -> Step:
    """Similarities of all samples with the union of their neighbours, and products of those on every subset."""
    flops = seconds = 0.0
    for _, k in needs.unions:
        width = min(size.n, 2 * size.count * (k + 20))
        flops += 2.0 * size.n * min(size.n, 8.0 * width) * size.units * (1 + 2 * permutations)
        times = size.n * width * size.count * float(evaluations + permutations)
        seconds += 10.0 * times * size.count / (0.4 * speed.float64) + times * UNION_NS * 1e-9 / speed.threads
    read = float(size.n) * size.units * size.itemsize
    memory = speed.sharing * (12 * 8.0 * 2**20 + 8.0 * size.n * max(size.widths) + ALLOCATOR)
    return Step("unions", "exact", "samples", flops, read, memory, seconds + flops / (0.5 * speed.float64))


def triangle_step(size: Size, needs: Needs, speed: Speed, evaluations: int) -> Step:
    """Whole matrices, and a sort of their entries for every pair of them and every evaluation."""
    entries = float(size.n) ** 2 / 2
    sorts = needs.triangles * entries * len(size.pairs) * evaluations
    seconds = sorts * SORT_NS * size.n.bit_length() * 1e-9 / speed.threads
    memory = 8.0 * size.n**2 * (size.count + 6 * speed.sharing) + ALLOCATOR
    return Step("whole matrices", "exact", "all samples", sorts, 0.0, memory, seconds)


def _within(size: Size, batch: int) -> float:
    return float(size.n) * batch * (2 * size.units + 2 * size.count**2)


def _matrices(name: str, block: str, size: Size, speed: Speed, flops: float, rows: int, spaces: int) -> Step:
    rate = speed.float32 if size.itemsize == 4 else speed.float64
    read = float(size.n) * size.units * size.itemsize
    elements = float(size.n) * rows * size.count * spaces
    seconds = flops / (0.5 * rate) + read / speed.read + elements * 2 * SPACE_NS * 1e-9 / speed.threads
    tiles = (2.0 + 4 * spaces) * size.count * rows**2 * size.itemsize
    memory = speed.sharing * (tiles + 2.0 * rows * size.units * size.itemsize + ALLOCATOR) + size.beside
    how = "sampled" if name == "sampled tiles" else "exact"
    return Step(name, how, block, flops, read, memory, seconds)
