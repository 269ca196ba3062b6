"""How well anything could predict the responses of a subject, as far as repeats or other subjects tell."""

from collections.abc import Sequence

import numpy as np

from consilience.engine.encoding.sources import Mean
from consilience.engine.features.representation import Representation
from consilience.engine.reliability.halves import ceiling_of, spearman_brown
from consilience.engine.reliability.units import unit_agreement

UNITS_AT_ONCE = 1024


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


def shifted_ceilings(responses: np.ndarray, level: float = 0.95) -> np.ndarray:
    """(S,): what `level` of the lower ceilings stay below where subjects have nothing in common but how smooth they are
    in time: each subject's rows are shifted in a circle against the mean of the others.

    All shifts count but those of under a twentieth of the rows, after which a slow course is still nearly itself.

    Args:
        responses: (S, n, v), as for `time_course_ceilings`.
    """
    values = _standard(responses)
    subjects, n, units = values.shape
    whole, draws = values.sum(axis=0), np.zeros((subjects, n))
    for start in range(0, units, UNITS_AT_ONCE):
        those = slice(start, start + UNITS_AT_ONCE)
        for s in range(subjects):
            others = _standard(whole[None, :, those] - values[s : s + 1, :, those])[0]
            of_both = np.fft.rfft(values[s, :, those], axis=0) * np.conj(np.fft.rfft(others, axis=0))
            draws[s] += np.fft.irfft(of_both, n, axis=0).sum(axis=1)
    near = max(1, n // 20)
    found: np.ndarray = np.quantile(draws[:, near : n - near + 1] / (n * units), level, axis=1)
    return found


def _standard(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=1, keepdims=True)
    size = centred.std(axis=1, keepdims=True)
    return np.asarray(centred / np.where(size > 0, size, 1.0))
