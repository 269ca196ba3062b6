"""How well anything could predict the responses of a subject, as far as repeats or other subjects tell."""

from collections.abc import Sequence

import numpy as np

from consilience.engine.encoding.sources import Mean
from consilience.engine.features.representation import Representation
from consilience.engine.reliability.halves import ceiling_of, spearman_brown, splits
from consilience.engine.reliability.units import unit_agreement

UNITS_AT_ONCE = 1024
LEVEL, SPLITS_SHIFTED = 0.95, 10


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


def shifted_ceilings(responses: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """(S,): what `level` of the lower ceilings stay below where subjects have nothing in common but how smooth they are
    in time: each subject's rows are shifted in a circle against the mean of the others; see `shifted`.

    Args:
        responses: (S, n, v), as for `time_course_ceilings`.
    """
    values = _standard(responses)
    whole = values.sum(axis=0)
    return np.array([np.quantile(_far(shifted(one, whole - one)), level) for one in values])


def repeats_agree(responses: np.ndarray, seed: int, level: float = LEVEL) -> bool:
    """Whether halves of the repeats (n, repeats, v) agree better than `level` of the same with the rows of one half
    shifted in a circle: r is averaged over units and over some ways to deal the halves."""
    dealt = splits(responses.shape[1], SPLITS_SHIFTED, seed)
    halves = [[np.tensordot(half, responses, axes=(0, 1)) for half in ways] for ways in dealt]
    draws = np.mean([shifted(one, other) for one, other in halves], axis=0)
    return bool(draws[0] > max(0.0, np.quantile(_far(draws), level)))


def shifted(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n,): Pearson's r over rows of two courses (n, v), the mean over units, after a shift of 0 to n - 1 rows.

    The sums of products at all shifts are one circular convolution of each unit.
    """
    n, units = one.shape
    found = np.zeros(n)
    for start in range(0, units, UNITS_AT_ONCE):
        a, b = (_standard(x[None, :, start : start + UNITS_AT_ONCE])[0] for x in (one, other))
        both = np.fft.rfft(a, axis=0) * np.conj(np.fft.rfft(b, axis=0))
        found += np.fft.irfft(both, n, axis=0).sum(axis=1)
    return found / (n * units)


def _far(draws: np.ndarray) -> np.ndarray:
    """All shifts but those of under a twentieth of the rows, after which a slow course is still nearly itself."""
    near = max(1, len(draws) // 20)
    return draws[near : len(draws) - near + 1]


def _standard(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=1, keepdims=True)
    size = centred.std(axis=1, keepdims=True)
    return np.asarray(centred / np.where(size > 0, size, 1.0))
