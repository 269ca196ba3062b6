"""The bootstrap of the stimuli for representational similarity analysis: RDMs of stimuli drawn with replacement.

Pairs of a stimulus with its own copy are left out, as their dissimilarity is 0 in every RDM. A pair of stimuli drawn a
and b times stands a b times, so that a draw is a weight for every entry; ranks are those among the drawn entries. Each
RDM is sorted once, and a draw costs a cumulative sum. The errors are cautious: a copy takes the noise of its stimulus
along, so that noise counts more than once; of two models that are equally good 1 to 2 % come out with p < 0.05 where
RDMs are noisy. Source: Nili et al. 2014; Schütt et al. 2023.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from consilience.engine.alignment.choice import held_out
from consilience.engine.alignment.sides import Sides
from consilience.engine.ceiling import entries_of
from consilience.engine.comparison import Comparison
from consilience.engine.inference.pooling import normalised
from consilience.engine.metrics.registry import Request
from consilience.engine.passes import executors
from consilience.engine.scoring.setting import Setting

COMPARED = ("spearman", "rho_a", "pearson", "cosine")
MOST_STIMULI = 256  # entries grow with their square: beyond, the jackknife of the scores does
CHUNK, AT_ONCE = 80, 8  # draws a task, and a step: the weights of a step stay in the cache


def serves(request: Request, n: int) -> bool:
    """Whether n stimuli are drawn again for this metric."""
    named = request.metric.name == "rsa" and request.parameters["compare"] in COMPARED
    return named and n <= MOST_STIMULI


@dataclass(frozen=True)
class Entries:
    """Entries (K, N) of RDMs above the diagonal, row by row, those of the `first` layers before those of brains.

    They are `normalised`, so that float32 holds what is made of them.
    """

    values: np.ndarray
    n: int
    first: int
    compare: str

    @cached_property
    def places(self) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Of each RDM: its entries in ascending order, and how many are below each entry, and at most as large."""
        found = []
        for entries in self.values:
            order = np.argsort(entries, kind="stable")
            below, upto = (np.searchsorted(entries[order], entries, side) for side in ("left", "right"))
            found.append((torch.from_numpy(order), torch.from_numpy(below), torch.from_numpy(upto)))
        return found

    def scores(self, counts: np.ndarray) -> np.ndarray:
        """(draws, layers, recordings) on stimuli drawn `counts` (draws, n) times."""
        i, j = np.triu_indices(self.n, 1)
        weights = torch.from_numpy((counts[:, i] * counts[:, j]).astype(np.float32))
        total = weights.sum(dim=1, keepdim=True)
        compared = torch.empty(len(weights), *self.values.shape)
        own = np.empty(compared.shape[:2])
        for k in range(len(self.values)):
            one = self._compared(k, weights, total)
            weighted = one * weights
            own[:, k] = torch.linalg.vecdot(weighted, one)
            compared[:, k] = weighted if k < self.first else one
        products = (compared[:, : self.first] @ compared[:, self.first :].transpose(1, 2)).numpy()
        if self.compare == "rho_a":
            pairs = total.numpy().astype(np.float64)[:, :, None]
            return 12 * products / (pairs**3 - pairs)
        with np.errstate(invalid="ignore", divide="ignore"):
            return products / np.sqrt(own[:, : self.first, None] * own[:, None, self.first :])

    def _compared(self, k: int, weights: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
        """(draws, N): the entries of one RDM, or their ranks, as they are compared; less their mean but for a cosine.

        Of equal entries the mean rank is halfway from all that is below to all that is at most as large. Ranks of so
        many entries are exact in float32.
        """
        values = torch.from_numpy(self.values[k].astype(np.float32))
        if self.compare == "cosine":
            return values.expand_as(weights)
        if self.compare == "pearson":
            return values - weights @ values[:, None] / total
        order, below, upto = self.places[k]
        sums = torch.nn.functional.pad(weights.index_select(1, order).cumsum(dim=1), (1, 0))
        return (sums.index_select(1, below) + sums.index_select(1, upto) - total) / 2


def drawn_again(
    comparison: Comparison, setting: Setting, request: Request, sides: Sides, bootstraps: int
) -> np.ndarray | None:
    """Means over subjects of the held-out scores, layers chosen anew: (draws, regions, models), if it `serves`."""
    n = comparison.joined.n
    if not serves(request, n):
        return None
    compare = request.parameters["compare"]
    entries = Entries(normalised(entries_of(comparison, request), compare), n, len(sides.layers), compare)
    regions = [sides.brains(k) - len(sides.layers) for k in range(len(sides.regions))]
    counts = np.random.default_rng([comparison.seed, 5]).multinomial(n, np.full(n, 1 / n), bootstraps)
    counts = counts.astype(np.float64)
    models = list(sides.models.values())
    calls = [(entries, models, regions, counts[k : k + CHUNK]) for k in range(0, bootstraps, CHUNK)]
    return np.array(setting.run(_draws, calls, executors.joined, stage="bootstrap of the stimuli"))


def _draws(
    entries: Entries, models: Sequence[np.ndarray], regions: Sequence[np.ndarray], counts: np.ndarray
) -> list[np.ndarray]:
    """(regions, models) of every draw."""
    found: list[np.ndarray] = []
    for start in range(0, len(counts), AT_ONCE):
        scores = entries.scores(counts[start : start + AT_ONCE])
        means = [held_out(scores[:, :, those], models)[1].mean(axis=-1) for those in regions]
        found += list(np.stack(means, axis=1))
    return found
