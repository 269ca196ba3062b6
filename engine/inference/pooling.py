"""One representation for a group of subjects: what a model that knew them all would look like."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from scipy.stats import rankdata

from consilience.engine.features.representation import Representation
from consilience.engine.features.statistics import Spread, spread

BLOCK_ROWS = 4096
RANKED = ("spearman", "rho_a", "kendall")


def normalised(entries: np.ndarray, compare: str) -> np.ndarray:
    """Entries of RDMs, (subjects, N), so that each has the same say in their mean: by how RDMs are compared.

    Ranks, ties with their mean rank, for comparisons of ranks; of mean 0 and variance 1 for ``pearson``; of mean square
    1 for cosines. The mean is then the RDM most like all of them by ``pearson`` and ``cosine``, and near it by the
    others (Nili et al. 2014).
    """
    if compare in RANKED:
        return rankdata(entries, axis=1)
    if compare == "pearson":
        entries = entries - entries.mean(axis=1, keepdims=True)
    return entries / np.sqrt((entries**2).mean(axis=1, keepdims=True))


@dataclass(frozen=True)
class JoinedUnits:
    """The units of several subjects side by side, those of each times a factor; read block by block."""

    of: tuple[Representation, ...]
    factors: tuple[float, ...]
    dtype: np.dtype

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        side_by_side = [r.take(rows).astype(self.dtype) * f for r, f in zip(self.of, self.factors)]
        return np.concatenate(side_by_side, axis=1, out=out)


def scale(r: Representation) -> float:
    """The root of the variance of all units together."""
    every = np.arange(r.n)
    blocks = (spread(r.take(every[start : start + BLOCK_ROWS])) for start in range(0, r.n, BLOCK_ROWS))
    found: Spread = reduce(Spread.merge, (b for b in blocks if b is not None))
    return float(np.sqrt(found.total_variance))


def joined_units(subjects: Sequence[Representation], scales: Sequence[float], name: str) -> Representation:
    """The subjects' units side by side, of one total variance each: the mean of their linear kernels, scaled alike."""
    dtype = np.result_type(np.float32, *(r.dtype for r in subjects))
    source = JoinedUnits(tuple(subjects), tuple(1 / s for s in scales), dtype)
    return replace(
        subjects[0], model=name, layer="", d=sum(r.d for r in subjects), dtype=dtype, source=source, digest=None,
        rows=None,
    )  # fmt: skip
