"""Which stimulus it was, told from the responses: a linear classifier that has not seen the repeat."""

from dataclasses import dataclass

import numpy as np

from consilience.engine.inference.null import from_permutations


@dataclass(frozen=True)
class Decoded:
    """`accuracy` (repeats,) of each repeat left out; `confusion` (n, n), which share of each stimulus was taken for
    which; p, one-sided, of the mean accuracy, NaN without permutations. Chance is 1 / n."""

    accuracy: np.ndarray
    confusion: np.ndarray
    p: float


def decode(responses: np.ndarray, permutations: int, seed: int) -> Decoded:
    """Leave one repeat out, and tell its stimuli apart by all others.

    A linear support vector machine (C = 1, one against one) on responses of all units, scaled together so that they are
    of variance 1 on average in the repeats it is fitted to. For p the stimuli are permuted within every repeat, and all
    is fitted anew.

    Args:
        responses: (n, repeats, d).
    """
    n, count, units = responses.shape
    flat = responses.transpose(1, 0, 2).reshape(count * n, units).astype(np.float64)
    flat = flat - flat.mean(axis=0)  # a shift changes no map, and keeps digits
    kernel, shown = flat @ flat.T, np.tile(np.arange(n), (count, 1))
    guessed = _guessed(kernel, shown, units)
    confusion = np.zeros((n, n))
    np.add.at(confusion, (shown, guessed), 1.0 / count)
    accuracy, p = (guessed == shown).mean(axis=1), np.nan
    if permutations:
        rng = np.random.default_rng([seed, 10])
        orders = [rng.permuted(shown, axis=1) for _ in range(permutations)]
        draws = np.array([(_guessed(kernel, order, units) == order).mean() for order in orders])
        p = float(from_permutations(draws, np.array(accuracy.mean()), "similarity")[1])
    return Decoded(accuracy, confusion, p)


def _guessed(kernel: np.ndarray, shown: np.ndarray, units: int) -> np.ndarray:
    """(repeats, n): what each row of each repeat is taken for, of inner products (repeats n, repeats n)."""
    from sklearn.svm import SVC

    count, n = shown.shape
    repeat, labels = np.repeat(np.arange(count), n), shown.ravel()
    found = np.empty(shown.shape, shown.dtype)
    for k in range(count):
        fit, test = np.flatnonzero(repeat != k), np.flatnonzero(repeat == k)
        train = kernel[np.ix_(fit, fit)]
        scale = units * len(fit) / np.trace(train)
        machine = SVC(kernel="precomputed").fit(train * scale, labels[fit])
        found[k] = machine.predict(kernel[np.ix_(test, fit)] * scale)
    return found
