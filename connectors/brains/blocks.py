"""Means over blocks of volumes in which the same thing was shown."""

from collections.abc import Sequence

import numpy as np

from consilience.engine.errors import BadInput


def block_means(
    values: np.ndarray,
    shown: Sequence[str] | np.ndarray,
    run: Sequence[object],
    *,
    rest: Sequence[str] = ("rest",),
    delay: int = 0,
) -> tuple[list[str], list[str], np.ndarray]:
    """What was shown in every block, its run, and the mean (blocks, units) of the volumes of it.

    A block is a stretch of volumes (rows of `values`) of one run in which `shown` does not change; those of `rest` are
    left out. The response lags: the mean is over the volumes `delay` later, as far as the run goes.

    Raises BadInput when the lengths differ, and for a block whose volumes would all lie after its run.
    """
    labels, runs = np.asarray(shown).astype(str), np.asarray(run).astype(str)
    if not len(values) == len(labels) == len(runs):
        raise BadInput(
            "one label and one run for every volume",
            f"{len(values)} volumes, {len(labels)} labels and {len(runs)} runs",
            "check which volumes were discarded",
        )
    edges = np.flatnonzero((labels[1:] != labels[:-1]) | (runs[1:] != runs[:-1])) + 1
    what, which, means = [], [], []
    for rows in np.split(np.arange(len(labels)), edges):
        label, own = str(labels[rows[0]]), str(runs[rows[0]])
        if label in rest:
            continue
        later = rows + delay
        later = later[(later >= 0) & (later < len(labels))]
        later = later[runs[later] == own]
        if not len(later):
            raise BadInput(
                f"blocks that end before their run, {delay} volumes later too",
                f"{label} in run {own}, which does not", "choose a shorter delay",
            )  # fmt: skip
        what.append(label)
        which.append(own)
        means.append(values[later].mean(axis=0))
    return what, which, np.stack(means)
