"""What decides the cost of a comparison, and what a plan says of each of its passes."""

from dataclasses import dataclass, replace
from functools import cached_property

from consilience.engine.costs.work import Work
from consilience.engine.pairs import covering

ALLOCATOR = 64.0 * 2**20  # what the C library keeps of freed memory, in each thread that frees much


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

    def decompositions(self, work: Work, samples: int, precise: bool) -> float:
        """Operations on the matrices of all pairs, once; of so many samples."""
        return sum(work.of_pair(samples, self.widths[a], self.widths[b], precise) for a, b in self.pairs)

    def own_decompositions(self, work: Work, samples: int) -> float:
        """Operations on the matrix of each representation, once."""
        return sum(work.of_own(samples, d) for d in self.widths)

    def entries(self, work: Work) -> float:
        """Nanoseconds of one thread for the numbers in the matrices of all pairs, once."""
        return sum(work.entries(self.widths[a], self.widths[b]) for a, b in self.pairs)

    def areas(self) -> float:
        """Σ d_a d_b over the pairs: the numbers in their matrices."""
        return float(sum(self.widths[a] * self.widths[b] for a, b in self.pairs))

    def moment_flops(self) -> float:
        return 2.0 * self.n * self.areas()


@dataclass(frozen=True)
class HeldOut:
    """What a metric on held-out samples asks for: a fitted map, a gallery (0: all samples), draws for its null,
    and the work of its own."""

    fits: bool
    gallery: int
    drawn: bool
    work: Work


@dataclass(frozen=True)
class OnLists:
    """What a metric asks of the neighbour lists: whether to score them by itself on every subset, and not by how many
    neighbours are in common; whether draws for its null; and the work of its own."""

    scored: bool
    drawn: bool
    work: Work


@dataclass(frozen=True)
class Needs:
    """What the metrics ask of the passes: spaces of sums, neighbour searches, what is made of the lists,
    of which lists (space, k) the common neighbours are counted, the folds of each first-order metric (0: in
    sample) and its work, unions of neighbours (space, k), batches (space, samples), spaces within classes, whole
    matrices.
    """

    spaces: frozenset[str] = frozenset()
    searches: tuple[tuple[str, int], ...] = ()
    lists: tuple[OnLists, ...] = ()
    overlaps: frozenset[tuple[str, int]] = frozenset()
    first_order: tuple[tuple[int, Work], ...] = ()
    held_out: tuple[HeldOut, ...] = ()
    unions: tuple[tuple[str, int], ...] = ()
    batches: tuple[tuple[str, int], ...] = ()
    classes: frozenset[str] = frozenset()
    triangles: int = 0

    @property
    def ranked(self) -> list[str]:
        """The spaces in which distances are ranked."""
        return [s for s in self.spaces if s.endswith("/ranks")]


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


def list_memory(n: int, representations: int, k: int) -> float:
    """Bytes of the neighbours of all samples and within halves, while they are sought and sorted."""
    return 2.0 * 12 * representations * n * (k + 20)
