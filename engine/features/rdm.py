"""Representational dissimilarity matrices, for recordings of which nothing else was published."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.schema import as_features, as_ids
from consilience.engine.features.source import given

if TYPE_CHECKING:
    from consilience.engine.features.table import FeatureTable

ROUNDING = 1e-5  # of the largest entry: a matrix that was stored in few digits is symmetric but for these
BLOCK_ROWS = 1024


class RDM:
    """The dissimilarities of n samples to each other, in place of their features.

    ``cs.compare({"it": cs.RDM(values)}, {"model": x}, ["rsa", "cka"])``: metrics on dissimilarities, kernels and
    neighbours take it, those that look at units refuse it. ``rsa`` compares it as it is, whatever ``rdm`` says.
    Kernels, and Euclidean distances, read it as squared distances D: the centred kernel is -1/2 J D J, the distances
    are the roots of D. Cosines are read as 1 - D. The nearest neighbours are the samples of least dissimilarity.

    Negative entries, as cross-validated distances have, count as 0 where roots are taken and among neighbours.

    Args:
        values: (n, n), or condensed (n(n-1)/2,): the entries above the diagonal, row by row.
        sample_ids: of the n samples; rows and columns are joined on them.

    Attributes:
        values: (n, n) of float32 or float64, symmetric, with a diagonal of 0.
        sample_ids: (n,) of str, or None.

    Raises:
        BadInput: for what is not square, symmetric (but for a 10⁻⁵ of the largest entry) and finite, with a diagonal
            of 0.
    """

    def __init__(self, values: Any, sample_ids: Iterable[Any] | None = None):
        values = np.asarray(values)
        if values.ndim == 1:
            values = _square(as_features("RDM", values)[:, 0])
        if values.ndim != 2 or values.shape[0] != values.shape[1] or len(values) < 2:
            raise BadInput(
                "an RDM of shape (n, n), or condensed (n(n-1)/2,), of 2 samples or more", f"shape {values.shape}",
                "give the dissimilarity of every sample to every other",
            )  # fmt: skip
        self.values = _symmetric(as_features("RDM", values))
        self.sample_ids = None if sample_ids is None else np.array(as_ids(sample_ids), object)
        if self.sample_ids is not None and len(self.sample_ids) != len(self):
            raise BadInput(
                f"{len(self)} sample ids, one a row of the RDM",
                str(len(self.sample_ids)),
                "give one id a row",
            )

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"<RDM of {len(self)} samples>"


def _square(condensed: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import squareform

    n = int((1 + np.sqrt(1 + 8 * len(condensed))) // 2)
    if n * (n - 1) // 2 != len(condensed) or n < 2:
        raise BadInput(
            "a condensed RDM of n(n-1)/2 entries, n samples",
            f"{len(condensed)} entries",
            f"{n} samples have {n * (n - 1) // 2}, {n + 1} have {n * (n + 1) // 2}: see scipy's squareform",
        )
    return squareform(condensed, checks=False)


def _symmetric(values: np.ndarray) -> np.ndarray:
    """The matrix, once it is known to be an RDM, without what rounding left of asymmetry and on the diagonal."""
    if broken := int(np.count_nonzero(~np.isfinite(values))):
        raise BadInput(
            "a finite RDM", f"NaN or infinity in {broken} entries",
            "leave out the samples without dissimilarities, rows and columns both",
        )  # fmt: skip
    limit = ROUNDING * float(np.abs(values).max())
    own = float(np.abs(values.diagonal()).max())
    if own > limit:
        raise BadInput(
            "an RDM with a diagonal of 0", f"{own:.6g} on it", "give dissimilarities, such as 1 - the correlations"
        )  # fmt: skip
    symmetric = np.empty_like(values)
    for start in range(0, len(values), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        here, there = values[rows], values[:, rows].T
        apart = np.abs(here - there)
        if apart.max() > limit:
            i, j = np.unravel_index(apart.argmax(), apart.shape)
            raise BadInput(
                "a symmetric RDM", f"{here[i, j]:.6g} from sample {start + i} to {j}, {there[i, j]:.6g} back",
                "average both directions: (d + d.T) / 2",
            )  # fmt: skip
        symmetric[rows] = here / 2 + there / 2
    np.fill_diagonal(symmetric, 0)
    return symmetric


class RdmSource:
    """Where dissimilarities come from: pieces of rows, one below the other, of an (n, n) matrix."""

    def pieces(self) -> list[np.ndarray]:
        raise NotImplementedError

    def entries(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Of the rows (m,) with the columns, (c,) or those of each row (m, c): (m, c)."""
        pieces = self.pieces()
        if len(pieces) == 1:
            return pieces[0][rows[:, None], columns]
        starts = np.cumsum([0, *map(len, pieces)])
        values = np.empty((len(rows), columns.shape[-1]), pieces[0].dtype)
        for piece, start, stop in zip(pieces, starts, starts[1:]):
            here = (start <= rows) & (rows < stop)
            values[here] = piece[rows[here, None] - start, columns if columns.ndim == 1 else columns[here]]
        return values

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Whole rows, (len(rows), n)."""
        return given(self.entries(rows, np.arange(sum(map(len, self.pieces())))), out)


class RdmArray(RdmSource):
    """An array (n, n) in memory."""

    def __init__(self, values: np.ndarray):
        self.values = values

    def pieces(self) -> list[np.ndarray]:
        return [self.values]


class RdmColumn(RdmSource):
    """A layer of kind ``rdm`` of a feature table."""

    def __init__(self, table: "FeatureTable", layer: str):
        self.table, self.layer = table, layer

    def pieces(self) -> list[np.ndarray]:
        return self.table.parts(self.layer)
