"""What the metrics on held-out samples share: how a side reads its rows, and scores on subsets with their null.

The fit (a map, anchors, seeds) is taken as given: the standard error is that of the held-out samples, and the null
permutes their pairing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from consilience.engine.features.representation import Representation
from consilience.engine.inference.null import Null
from consilience.engine.inference.split import Held, Split
from consilience.engine.metrics.linear import Cross, Own
from consilience.engine.passes.blocks import Frame, centred

GRID = 4096.0  # added to numbers of about 1 and taken away again, it leaves multiples of 2**-40


@dataclass(frozen=True)
class Side:
    """One representation. `own` and `mean` (d,), in the frame, are of the train rows, where a map is to be fitted;
    `labels` (n,) are the classes of the samples, where they have some."""

    representation: Representation
    frame: Frame
    split: Split
    held: Held
    own: Own | None = None
    mean: np.ndarray | None = None
    labels: np.ndarray | None = None

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Those rows (m, d) as they are, times the frame's scale."""
        return self.representation.take(rows).astype(np.float64) * self.frame.scale

    def framed(self, rows: np.ndarray) -> np.ndarray:
        """Those rows (m, d) in the frame: of an origin near their mean."""
        return centred(self.representation, self.frame, rows, np.dtype(np.float64), "cpu").numpy()

    def centred(self, rows: np.ndarray) -> np.ndarray:
        """Those rows (m, d) less the mean of the train rows."""
        return self.framed(rows) - self.mean


@dataclass(frozen=True)
class Fit:
    """What joins two sides: the samples scored, and Xc'Yc of the train rows where a map is to be fitted.

    Of a draw of the null, `cross` is that of train rows paired at random, and `shuffle` permutes whatever else pairs
    the two spaces.
    """

    held: Held
    cross: Cross | None = None
    shuffle: np.random.Generator | None = None

    @property
    def transposed(self) -> "Fit":
        return self if self.cross is None else Fit(self.held, self.cross.transposed, self.shuffle)


@dataclass(frozen=True)
class Scores:
    """Scores (S,) of one pair on the subsets of the held-out samples; `null` gives the null on one of them."""

    values: np.ndarray
    null: Callable[[int], Null] | None = None


def exact(found: Scores, subset: int) -> Null:
    """The null when the pairing of the held-out samples is permuted, the fit as it is."""
    assert found.null is not None
    return found.null(subset)


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows (m, d) of length 1; one of zeros stays, so that its cosine with every other is 0."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)


def quantised(values: np.ndarray) -> np.ndarray:
    """The nearest multiples of 2⁻⁴⁰, about 1e-12, so that what is equal but for rounding is equal."""
    coarse = values + GRID
    coarse -= GRID
    return coarse
