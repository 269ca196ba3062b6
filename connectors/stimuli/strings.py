"""Many strings in little memory: ids of millions of samples, in a tenth of what a list of them takes."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from consilience.engine.errors import BadInput

_PIECE = 1 << 14  # strings that are Python's at once


class Strings(Sequence[str]):
    """A sequence of strings that is kept in Arrow. Slices are lists."""

    def __init__(self, strings: "Iterable[str] | pa.Array | pa.ChunkedArray"):
        if not isinstance(strings, pa.Array | pa.ChunkedArray):
            rest = iter(strings)
            pieces = iter(lambda: list(islice(rest, _PIECE)), [])
            strings = pa.chunked_array([pa.array(x, pa.large_string()) for x in pieces], pa.large_string())
        whole = strings.cast(pa.large_string())
        self._array = whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole

    def __len__(self) -> int:
        return len(self._array)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._array[index].to_pylist()
        return self._array[int(index)].as_py()

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _PIECE):
            yield from self._array[start : start + _PIECE].to_pylist()

    def sorted(self) -> "Strings":
        """In the order of their code points, as Python sorts."""
        return Strings(self._array.take(pc.sort_indices(self._array)))

    def distinct(self) -> bool:
        """Whether none occurs twice. Sorted for it: a table of hashes would take five times as much memory."""
        inorder = self.sorted()._array
        return not pc.any(pc.equal(inorder[1:], inorder[:-1])).as_py()


def numbers(count: int) -> Strings:
    """``0``, ``1``, ...: the ids of rows that have none."""
    return Strings(pa.array(np.arange(count)))


def ids_of(column: "pa.Array | pa.ChunkedArray", where: str) -> Strings:
    """A column of ids, as strings.

    Raises BadInput, with `where` in it, for other types than text and integers, for an id that is missing or empty,
    and for one that occurs twice.
    """
    kind = column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
        raise BadInput(f"ids that are text or integers in {where}", str(kind), "rename or convert the column")
    ids = Strings(column)
    if column.null_count or pc.any(pc.equal(ids._array, "")).as_py():
        raise BadInput(f"an id in every row of {where}", "a row without", "fill it, or rename the column")
    if not ids.distinct():
        counts = pc.value_counts(ids._array)
        twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
        raise BadInput(
            f"every id once in {where}",
            f"{twice[0].as_py()!r} again" + (f", and {len(twice) - 1} more" if len(twice) > 1 else ""),
            "make the ids distinct, or rename the column: rows are then known by their numbers",
        )
    return ids
