"""How well anything could predict the responses of a subject, as far as repeats or other subjects tell."""

from collections.abc import Sequence

import numpy as np

from consilience.engine.encoding.sources import Mean
from consilience.engine.features.representation import Representation
from consilience.engine.reliability.halves import ceiling_of, spearman_brown
from consilience.engine.reliability.units import unit_agreement


def repeat_ceilings(responses: Sequence[Representation], seed: int) -> np.ndarray:
    """(v,): the correlation of the mean over repeats of each unit with what all repeats measure: the root of its
    split-half reliability, corrected by Spearman and Brown. NaN where there are no repeats, or nothing is reliable.
    """
    found = []
    for r in responses:
        of = np.full(r.d, np.nan)
        if isinstance(r.source, Mean):
            agreement = unit_agreement(r.source.array, r.rows, seed=seed)
            of = ceiling_of(spearman_brown(agreement, r.source.array.shape[1]))
        found.append(of)
    return np.concatenate(found)


def time_course_ceilings(responses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pearson's r over rows of each subject with the mean of the others (lower), and with that of all (upper).

    Every unit of every subject is brought to mean 0 and variance 1 first; r is averaged over units. A subject with a
    unit that is constant has no ceiling (NaN), and that unit adds nothing to the means of the others.

    Args:
        responses: (S, n, v) of S subjects whose rows and units correspond.

    Returns:
        Two arrays (S,).
    """
    values = _standard(responses)
    others = (values.sum(axis=0) - values) / (len(values) - 1)
    everybody = np.broadcast_to(values.mean(axis=0), values.shape)
    constant = (values == 0).all(axis=1).any(axis=1)
    lower, upper = (
        np.where(constant, np.nan, (values * _standard(group)).mean(axis=(1, 2)))
        for group in (others, everybody)
    )
    return lower, upper


def _standard(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=1, keepdims=True)
    size = centred.std(axis=1, keepdims=True)
    return np.asarray(centred / np.where(size > 0, size, 1.0))
