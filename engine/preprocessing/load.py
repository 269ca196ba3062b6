"""What preprocessing adds to a plan: passes that fit the steps, and their application whenever rows are read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from consilience.engine import planning
from consilience.engine.errors import BadInput
from consilience.engine.features.representation import Representation
from consilience.engine.machine import Speed
from consilience.engine.passes.moments import BLOCK_ROWS
from consilience.engine.preprocessing.registry import Asked, Cost
from consilience.engine.preprocessing.rows import BLOCK_BYTES, Preprocessed, working_dtype

STEP_NS = 2.0  # measured, per number in or out of a step in one thread; it enters the estimates only
PIECES = 6  # blocks of float64 that steps hold at a time


class Work(NamedTuple):
    """Bytes read, floating-point operations of matrix products, and numbers handled besides."""

    bytes: float
    flops: float
    numbers: float

    def seconds(self, speed: Speed) -> float:
        products = self.flops / (0.7 * speed.float64)
        return self.bytes / speed.read + products + self.numbers * STEP_NS * 1e-9 / speed.threads


def total(works: Iterable[Work]) -> Work:
    """All of them together."""
    return Work(*map(sum, zip(*works)))


@dataclass(frozen=True)
class Shape:
    """n samples of d units of `itemsize` bytes, and the steps asked for."""

    name: str
    n: int
    d: int
    itemsize: int
    asked: tuple[Asked, ...]

    @classmethod
    def of(cls, r: Representation, asked: tuple[Asked, ...]) -> "Shape":
        """That of a representation, not yet preprocessed."""
        return cls(r.name, r.n, r.d, working_dtype(r.dtype).itemsize, asked)

    @property
    def bytes(self) -> float:
        """Of one read."""
        return float(self.n) * self.d * self.itemsize

    def widths(self) -> list[int]:
        """Units before and, at most, after each step. Raises BadInput where a step cannot be done."""
        widths = [self.d]
        for asked in self.asked:
            try:
                widths.append(asked.step.width(self.n, widths[-1], **asked.parameters))
            except BadInput as bad:
                raise BadInput(f"{bad.expected} in {self.name!r}", bad.got, bad.fix) from bad
        return widths

    def costs(self, threads: int) -> list[Cost]:
        """What fitting each step takes."""
        return [
            asked.step.cost(self.n, d, self.itemsize, threads, **asked.parameters)
            for asked, d in zip(self.asked, self.widths())
        ]

    def applying(self, steps: int | None = None) -> Work:
        """Reading all rows through the first so many steps; all of them if None."""
        pairs = list(pairwise(self.widths()[: None if steps is None else steps + 1]))
        products = sum(2.0 * self.n * d * k for d, k in pairs if k != d)
        return Work(self.bytes, products, sum(float(self.n) * (d + k) for d, k in pairs))

    def fitting(self, threads: int) -> Work:
        """Fitting every step on what the steps before it leave, and a last pass that looks at the result."""
        costs = self.costs(threads)
        reads = [self.applying(k) for k, cost in enumerate([*costs, Cost()]) for _ in range(cost.passes)]
        numbers = float(self.n) * self.d * len(reads)
        return total([*reads, Work(0.0, sum(c.flops for c in costs), numbers)])


@dataclass(frozen=True)
class Load:
    """The steps of all representations that are compared, those without any among them."""

    shapes: tuple[Shape, ...]

    @classmethod
    def of(cls, representations: Sequence[Representation]) -> "Load":
        """That of representations as `preprocessed` gives them."""
        shapes = []
        for r in representations:
            source = r.source
            before = (source.of, source.asked) if isinstance(source, Preprocessed) else (r, ())
            shapes.append(Shape.of(*before))
        return cls(tuple(shapes))

    @property
    def wide(self) -> bool:
        """Whether any representation is in float64."""
        return any(s.itemsize == 8 for s in self.shapes)

    def refuse(self, budget: float, threads: int) -> None:
        """Raise BadInput for steps that cannot be done on so many samples and units, or within the budget."""
        for shape in self.shapes:
            for asked, d, cost in zip(shape.asked, shape.widths(), shape.costs(threads)):
                least = cost.memory + self.beside(threads)
                if cost.memory and least > budget:
                    have, need, more = map(planning.gigabytes, (budget, least, least * 1.1))
                    raise BadInput(
                        f"{asked.id} of {d} units in {shape.name!r} within the budget of {have}", need,
                        f"raise the budget to {more}, or put a step before it that leaves fewer units",
                    )  # fmt: skip

    def beside(self, threads: int) -> float:
        """Bytes that reading through steps takes beside the rows read: these as they are stored, pieces of them, and
        the matrices of the steps, in float64 and float32."""
        rows = max((s.d * s.itemsize * min(s.n, BLOCK_ROWS) for s in self.shapes if s.asked), default=0)
        matrices = sum(12.0 * d * k for s in self.shapes for d, k in pairwise(s.widths()) if k != d)
        return threads * (rows + PIECES * BLOCK_BYTES) + matrices if rows else 0.0

    def added(self, plan: planning.Plan, size: planning.Size, speed: Speed) -> planning.Plan:
        """The plan, made for preprocessed features of that size, with a first pass that fits the steps, and with their
        application in every pass that reads."""
        asked = [s for s in self.shapes if s.asked]
        if not asked:
            return plan
        fit, read = total(s.fitting(speed.threads) for s in asked), total(s.applying() for s in self.shapes)
        memory = size.beside + max(cost.memory for s in asked for cost in s.costs(speed.sharing))
        block, once = f"{BLOCK_BYTES >> 20} MiB", float(size.n) * size.units * size.itemsize
        first = planning.Step(
            "preprocessing", "exact", block, fit.flops, fit.bytes, memory, fit.seconds(speed)
        )
        steps = [first]
        for step in plan.steps:
            times = step.bytes / once
            steps.append(
                replace(
                    step, flops=step.flops + times * read.flops, bytes=times * read.bytes,
                    seconds=step.seconds + times * read.seconds(speed),
                )
            )  # fmt: skip
        return replace(plan, steps=tuple(steps))
