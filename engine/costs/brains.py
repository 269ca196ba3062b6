"""What encoding models, studies of alignment and of reliability cost: see `consilience.engine.costs.size`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from consilience.engine.costs.moments import DECOMPOSITION_RATE
from consilience.engine.costs.size import ALLOCATOR, Size, Step
from consilience.engine.machine import Speed

# Measured on the kernels as they are; they enter the estimates of seconds only.
DECOMPOSITION_FLOPS = 14.0  # of a symmetric matrix d x d with its basis, times d³
TASK_SECONDS = 1.5e-3  # to begin a task and to hand over what it found
ENTRY_NS = 30.0  # an entry of an RDM in one draw of the stimuli
GATHER_NS = 3.0  # an entry of a matrix in another order of its rows
FIT_SECONDS = 1.3e-3  # of a support vector machine, and of its guesses
ROWS, TASK_UNITS = 4096, 2048  # of a block of the passes, and of a task of the search
RUN_BYTES = 256e6  # of the sums of a run of units: more would save no work
COPIES = 3  # of them while they are added up


def run_units(folds: int, d: int, budget: float) -> int:
    """Units of responses that go through at a time: their sums with d features, and a block of their rows, are held."""
    held = min(RUN_BYTES, budget / (2 * COPIES))
    return max(1, int(min(held / (8 * folds * d), held / (8 * ROWS))))


@dataclass(frozen=True)
class EncodingSize:
    """What decides the cost of an encoding: samples, features of each space (delays and the nuisance among them), which
    spaces are fitted together, units of the responses, and the search."""

    n: int
    widths: tuple[int, ...]
    models: tuple[tuple[int, ...], ...]
    units: int
    folds: int
    penalties: int
    bands: int
    nested: bool
    permutations: int
    itemsize: int

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """Spaces whose products are needed."""
        return sorted({(a, b) for m in self.models for a in m for b in m if a <= b})

    @property
    def products(self) -> float:
        """Numbers in those products, of one fold."""
        return float(sum(self.widths[a] * self.widths[b] for a, b in self.pairs))

    @property
    def fits(self) -> list[tuple[int, int]]:
        """Of every model the features, and the weightings that are tried."""
        return [(sum(self.widths[s] for s in m), 1 if len(m) == 1 else self.bands) for m in self.models]

    @property
    def splits(self) -> tuple[int, int]:
        """Decompositions of a weighting that are searched, and folds scored in each."""
        return (self.folds * (self.folds - 1) // 2, 2) if self.nested else (self.folds, 1)

    def run_units(self, budget: float) -> int:
        """Units whose sums are held at a time, of all draws together."""
        return min(run_units(self.folds, sum(self.widths), budget), self.units * max(1, self.permutations))


def encoding_steps(size: EncodingSize, budget: float, speed: Speed) -> tuple[Step, Step]:
    """The sums of all folds, and the search on them."""
    rate = speed.float32 if size.itemsize == 4 else speed.float64
    units = size.units * (1 + size.permutations)
    held = size.run_units(budget)
    runs = -(-size.units // held) + (-(-size.units * size.permutations // held))
    flops = 2.0 * size.n * (size.products + sum(size.widths) * units)
    read = float(size.itemsize) * size.n * (sum(size.widths) * (1 + runs) + units)
    # Rows as they are read, centred, and products of a block.
    rows = min(ROWS, -(-size.n // size.folds))
    blocks = speed.sharing * size.itemsize * (3.5 * rows + max(size.widths)) * (sum(size.widths) + held)
    state = 8.0 * size.folds * size.products * 2
    sums = Step(
        "sums of folds", "exact", "4096 rows", flops, read,
        state + blocks + COPIES * 8.0 * size.folds * sum(size.widths) * held + ALLOCATOR * speed.sharing,
        flops / (0.6 * rate) + read / speed.read,
    )  # fmt: skip
    return sums, _search(size, budget, speed, units, held, runs, state)


def _search(
    size: EncodingSize, budget: float, speed: Speed, units: int, held: int, runs: int, state: float
) -> Step:
    rate = speed.float32 if size.itemsize == 4 else speed.float64
    searched, scored = size.splits
    decompositions = searched + size.folds * size.nested
    flops = seconds = solvers = 0.0
    for d, weightings in size.fits:
        square = float(d) ** 2
        matrices = decompositions + searched * scored + size.folds * size.nested
        solvers += weightings * size.itemsize * square * matrices
        whole = weightings * (decompositions * DECOMPOSITION_FLOPS + 4.0 * matrices) * square * d
        seconds += whole / (DECOMPOSITION_RATE * speed.float64)
        per_unit = (
            searched * (2 + scored * (2 + size.penalties)) * square + size.folds * 5 * square * size.nested
        )
        flops += whole + weightings * units * per_unit
        seconds += weightings * units * per_unit / (0.6 * rate)
        # Sums over units and penalties, which no matrix product does.
        seconds += (
            8.0 * weightings * units * d * size.penalties * searched * scored / speed.read / speed.threads
        )
        seconds += TASK_SECONDS * weightings * (decompositions + runs * speed.threads)
    kept = min(solvers, budget / 2)
    widest = max(d for d, _ in size.fits)
    at_once = min(TASK_UNITS, -(-held // speed.threads))
    looked = 2 * (1 if size.nested else size.folds) * widest * at_once
    own = (size.folds + 1) * widest * at_once  # the products of its units, a fold each, and their sum
    task = size.itemsize * (6.0 * widest * TASK_UNITS + looked + own)
    answers = 8.0 * units * (size.folds * 4 * len(size.models) + 6 * size.folds + 4 * size.penalties)
    working = 8 * 8.0 * widest**2
    memory = state + kept + COPIES * 8.0 * size.folds * sum(size.widths) * held / 2 + answers
    memory += speed.sharing * max(task, working) + ALLOCATOR * speed.sharing
    return Step("penalties", "exact", f"{at_once} units", flops, 0.0, memory, seconds)


def draw_steps(
    size: Size,
    regions: Sequence[tuple[int, int]],
    permutations: int,
    bootstraps: int,
    speed: Speed,
    budget: float,
    *,
    drawn_again: int,
    matrices: int,
) -> list[Step]:
    """What an alignment draws beyond its scores.

    Args:
        size: of all representations. regions: of each, how many layers and how many recordings.
        drawn_again: metrics whose stimuli are drawn with replacement. matrices: those that permutations are had of from
            whole matrices of n x n.
    """
    square, steps = float(size.n) ** 2, []
    if permutations and matrices:
        pairs = sum(layers * recordings for layers, recordings in regions)
        gathered = matrices * permutations * sum(recordings for _, recordings in regions) * square
        flops = 2.0 * matrices * permutations * pairs * square
        count = max(sum(region) for region in regions)
        memory = min(2.0 * size.itemsize * square * count, budget / 2) + 8.0 * permutations * count**2
        memory += speed.sharing * (3 * size.itemsize * square + ALLOCATOR)
        seconds = gathered * GATHER_NS * 1e-9 / speed.threads + flops / (0.5 * speed.float32)
        steps.append(
            Step("permuted stimuli", f"{permutations:,} draws", "n × n", flops, 0.0, memory, seconds)
        )
    if drawn_again:
        entries = square / 2 * size.count
        work = bootstraps * entries * drawn_again
        flops = 2.0 * bootstraps * square / 2 * drawn_again * sum(a * b for a, b in regions)
        memory = 40.0 * entries + speed.sharing * (8 * 4.0 * 4 * entries + ALLOCATOR)
        seconds = work * ENTRY_NS * 1e-9 / speed.threads
        steps.append(
            Step("bootstrap of the stimuli", f"{bootstraps:,} draws", "8 draws", flops, 0.0, memory, seconds)
        )
    return steps


def reliability_step(
    n: int, repeats: int, units: Sequence[int], splits: int, permutations: int, speed: Speed
) -> Step:
    """Of one subject. `units` of every region, 1 of an RDM."""
    halves = 2.0 * splits + repeats + 1
    square = float(n) ** 2
    flops = sum(2.0 * n * repeats**2 * d + halves * square * d for d in units)
    fits = repeats * (1 + permutations) * sum(d > 1 for d in units)
    rows = float(n * repeats)
    flops += sum(rows**2 * 2 * d for d in units) + fits * rows**2
    seconds = flops / (0.2 * speed.float64) + fits * FIT_SECONDS * max(1.0, (rows / 100) ** 2)
    seconds += len(units) * permutations * (repeats * square * 8e-9 + 1e-4)
    entries = halves * square / 2
    memory = (
        max(8.0 * (halves + 2) * n * d for d in units) + 8.0 * 6 * entries + 8.0 * 3 * rows**2 + ALLOCATOR
    )
    return Step("reliability", f"{splits} splits", "n × n", flops, 8.0 * rows * sum(units), memory, seconds)
