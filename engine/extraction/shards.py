"""Shards: the fixed split of the samples into row ranges, one a part of the table, and of a shard into batches."""

from collections.abc import Iterator
from dataclasses import dataclass

# Small enough that a kill loses little and the last shards keep all replicas busy, large enough that handing one out
# (a millisecond) and its file cost nothing; at most 64 parts until a part would pass the byte limit.
_MIN_ROWS, _PARTS, _PART_BYTES = 128, 64, 128 << 20


@dataclass(frozen=True, order=True)
class Shard:
    """Rows ``start`` to ``stop - 1`` of the stimulus set: part `index` of the table."""

    index: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def shard_rows(n: int, batch_size: int, row_bytes: int) -> int:
    """Rows a shard: a multiple of `batch_size` that depends on nothing but the arguments, so that a resumed run and
    a run on any number of replicas cut the samples alike."""
    rows = max(_MIN_ROWS, -(-n // _PARTS))
    rows = min(rows, _PART_BYTES // row_bytes)
    return max(1, -(-rows // batch_size)) * batch_size


def shards(n: int, rows: int) -> list[Shard]:
    """The split of `n` samples into shards of `rows`; the last one takes what is left."""
    return [Shard(i, start, min(start + rows, n)) for i, start in enumerate(range(0, n, rows))]


def batches(start: int, stop: int, size: int) -> Iterator[range]:
    """Row ranges of `size` from `start`: their borders never depend on which samples can be read."""
    return (range(i, min(i + size, stop)) for i in range(start, stop, size))
