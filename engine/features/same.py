"""Whether two representations are one: where both sides of a comparison name the same, they must be."""

import numpy as np

from consilience.engine.features.representation import Representation

ROWS_AT_ONCE = 4096


def same_features(a: Representation, b: Representation) -> bool:
    """Whether both hold the same numbers of the same samples; those without a digest are read until they differ."""
    if a is b:
        return True
    if (a.n, a.d, a.rdm) != (b.n, b.d, b.rdm) or not _same_ids(a, b):
        return False
    if a.digest is not None and b.digest is not None:
        return a.digest == b.digest
    if a.rows is None and b.rows is None and getattr(a.source, "array", a) is getattr(b.source, "array", b):
        return True
    every = np.arange(a.n)
    parts = (every[start : start + ROWS_AT_ONCE] for start in range(0, a.n, ROWS_AT_ONCE))
    if a.rdm:
        return all(np.array_equal(a.entries(rows, every), b.entries(rows, every)) for rows in parts)
    return all(np.array_equal(a.take(rows), b.take(rows), equal_nan=True) for rows in parts)


def _same_ids(a: Representation, b: Representation) -> bool:
    if a.sample_ids is None or b.sample_ids is None:
        return a.sample_ids is b.sample_ids
    return bool(np.array_equal(a.sample_ids, b.sample_ids))
