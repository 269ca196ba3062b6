"""How the tile pass cuts the rows: blocks nested in the row groups, and strips of consecutive blocks."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from consilience.engine.inference.subsets import Groups


@dataclass(frozen=True)
class Layout:
    """Row blocks in pass order: block k holds pass rows ``edges[k]:edges[k+1]``, all of group ``group[k]``."""

    edges: np.ndarray
    group: np.ndarray

    @property
    def count(self) -> int:
        return len(self.group)

    def rows(self, block: int) -> slice:
        return slice(int(self.edges[block]), int(self.edges[block + 1]))

    def span(self, blocks: range) -> slice:
        """The rows of consecutive blocks."""
        return slice(int(self.edges[blocks[0]]), int(self.edges[blocks[-1] + 1]))

    def strips(self, most_rows: int) -> list[range]:
        """Runs of consecutive blocks, together at most so many rows (or one block)."""
        strips, start = [], 0
        for k in range(1, self.count + 1):
            if k == self.count or self.edges[k + 1] - self.edges[start] > most_rows:
                strips.append(range(start, k))
                start = k
        return strips


def layout(groups: Groups, tile_rows: int) -> Layout:
    """Blocks of at most `tile_rows` rows, nested in the groups."""
    edges, group = [0], []
    for g, (start, stop) in enumerate(pairwise(groups.edges)):
        pieces = -(-(stop - start) // tile_rows)
        edges += list(np.linspace(start, stop, pieces + 1).round().astype(int)[1:])
        group += [g] * pieces
    return Layout(np.array(edges), np.array(group))
