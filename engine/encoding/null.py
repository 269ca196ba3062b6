"""What features would score that have nothing to do with the responses: responses shifted in time.

The residuals of a response about its fit by the nuisance are shifted in a circle inside each group (run, story; or
fold, where there are no groups), by an amount drawn for each group, and the fit is added back (Freedman and Lane
1983); without nuisance the response itself is shifted. A shift keeps the autocorrelation of the residuals, their
spread over groups, and the relation of features and nuisance; it breaks only the relation of residuals and features
in time. Nothing crosses groups, hence nothing crosses folds. The features stay as they are, so that no decomposition
is made anew, and penalties are chosen anew for every draw. p = (1 + #{draws at least as good}) / (1 + draws).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from consilience.engine.encoding.fitting import Fitting
from consilience.engine.encoding.models import Scored, of_units
from consilience.engine.encoding.sources import Permuted
from consilience.engine.encoding.statistics import Design, Targets, targets
from consilience.engine.errors import BadInput
from consilience.engine.features.representation import Representation


def check_shifts(edges: Sequence[tuple[int, int]], permutations: int) -> None:
    """Refuse more draws than there are ways to shift."""
    ways = float(np.prod([float(b - a) for a, b in edges]))
    if permutations >= ways:
        raise BadInput(
            f"fewer permutations than the {ways:.0f} shifts there are of these groups",
            f"permutations={permutations}", "use fewer permutations",
        )  # fmt: skip


def shifts(edges: Sequence[tuple[int, int]], count: int, seed: int) -> Iterator[np.ndarray]:
    """`count` seeded orders of the rows (n,): inside each group (first, last + 1 row) a shift in a circle."""
    rng = np.random.default_rng([seed, 2])
    order = np.empty(max(b for _, b in edges), np.int64)
    for _ in range(count):
        while True:
            by = [int(rng.integers(b - a)) for a, b in edges]
            if any(by):  # the responses as they are count once already, as those observed
                break
        for (a, b), amount in zip(edges, by):
            order[a:b] = a + (np.arange(b - a) + amount) % (b - a)
        yield order.copy()


def residual_weights(of: Design, space: int, y: Targets) -> np.ndarray:
    """(d, v): the least-squares map from a space to the responses on all rows, the smallest where there are several."""
    units = of.spaces[space]
    mean, covariance = of.only([space]).covariance([])
    cross = sum(fold[units] for fold in y.cross) - np.multiply.outer(mean, y.sum.sum(axis=0))
    return np.linalg.pinv(covariance, hermitian=True) @ cross


def draws(
    fitting: Fitting,
    responses: Sequence[Representation],
    edges: Sequence[tuple[int, int]],
    count: int,
    seed: int,
    nuisance: int | None = None,
) -> Iterator[list[Scored]]:
    """The scores of every model on shifted responses, draw by draw. `nuisance` is the number of its space."""
    of, parts = fitting.design, fitting.cut(responses)
    plain: list[np.ndarray | None] = [None] * len(parts)
    given = None if nuisance is None else of.representations[nuisance]
    weights = plain if nuisance is None else [
        residual_weights(of, nuisance, targets(of, part, fitting.run)) for part in parts
    ]  # fmt: skip
    width = sum(part.d for part in parts)
    together = max(1, fitting.run_units // width)
    waiting = shifts(edges, count, seed)
    while orders := list(islice(waiting, together)):
        shifted = [
            replace(part, source=Permuted(part, order, given, w), rows=None)
            for order in orders
            for part, w in zip(parts, weights)
        ]
        found = fitting.scores(shifted)
        for k in range(len(orders)):
            yield [of_units(model, slice(k * width, (k + 1) * width)) for model in found]
