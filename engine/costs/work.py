"""What a metric declares of its own work, beyond the passes that it shares with others."""

from collections.abc import Callable
from dataclasses import dataclass

NARROW = (
    250.0  # units: of so many a decomposition takes twice the time that its operations would, of fewer more
)
EIGEN = 14.0  # of a symmetric matrix with its basis


@dataclass(frozen=True)
class Work:
    """Measured on the kernels as they are; it enters the estimates of seconds, and the guide, only.

    Of metrics that decompose matrices, in operations for each d³, at the rate of products in float64:

    Attributes:
        own: what a representation contributes, on every subset of the rows.
        maps: to bring X'Y to the directions of either side. Where there are any, they are no more than samples.
        pair: the score of a pair once that is done. precise: where its last digits matter, as they do in the scores of
            all rows and of the halves.
        entry: nanoseconds of one thread beside those, of each of the (d1, d2) numbers in the matrix of a pair; of
            neighbour lists of each sample in a pair; of held-out samples of each two in the gallery. From d1 and d2
            where that matters.
        null: of held-out samples the same for an exact null.
        shared: whether metrics of the same work begin with the same maps, so that a decomposition serves them all.
    """

    own: float = 0.0
    maps: float = 0.0
    pair: float = 0.0
    precise: float = 0.0
    entry: float | Callable[[int, int], float] = 0.0
    null: float = 0.0
    shared: bool = False

    def entries(self, a: int, b: int) -> float:
        """Nanoseconds of all numbers in the matrix of a pair of those widths."""
        each = self.entry(a, b) if callable(self.entry) else self.entry
        return each * a * b

    def of_own(self, n: int, d: int) -> float:
        """Operations of one representation on one subset; of few samples no factor of Cholesky serves."""
        work = max(self.own, EIGEN) if self.maps and n <= d else self.own
        return work * float(d) ** 2 * (d + NARROW)

    def of_pair(self, n: int, a: int, b: int, precise: bool) -> float:
        """Operations of one pair on one subset."""
        work = self.precise if precise else self.pair
        if not self.maps:
            return work * a * b * (min(a, b) + NARROW)
        left, right = min(n, a), min(n, b)
        least = min(left, right) + NARROW
        return (self.maps * a * b + work * left * right) * least


SPECTRUM = Work(pair=6.0, precise=11.0, shared=True)  # the singular values of X'Y
