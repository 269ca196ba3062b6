"""What every representation must be before anything is computed: finite, and not the same for all samples."""

from dataclasses import replace

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.representation import Representation


def check(representation: Representation, rows_at_once: int = 8192) -> Representation:
    """The representation, once every value of it is known to be finite and not all its rows are the same.

    Tables were checked when they were written; arrays are read once, in blocks.

    Raises:
        BadInput: naming the representation and the count, if a value is not finite or no unit varies.
    """
    if representation.checked:
        return representation
    if representation.rdm:
        return _checked_rdm(representation, rows_at_once=1024)
    first = representation.take(np.arange(1))
    bad_rows, varies = 0, False
    bad_units = np.zeros(representation.d, bool)
    for start in range(0, representation.n, rows_at_once):
        block = representation.take(np.arange(start, min(start + rows_at_once, representation.n)))
        with np.errstate(over="ignore", invalid="ignore"):
            suspect = not np.isfinite(block.sum(dtype=np.float32 if block.dtype == np.float16 else None))
        if suspect:  # a sum is quick; it may also overflow
            bad = ~np.isfinite(block)
            bad_rows += int(np.count_nonzero(bad.any(axis=1)))
            bad_units |= bad.any(axis=0)
        varies = varies or bool((block != first).any())
    if bad_rows:
        raise _not_finite(representation, bad_rows, bad_units)
    if not varies:
        raise constant(representation.name, representation.n)
    return replace(representation, checked=True)


def _not_finite(of: Representation, rows: int, units: np.ndarray) -> BadInput:
    """Whichever is the smaller part is to be left out: the samples, or the units, such as a voxel outside the brain."""
    got, at = f"NaN or infinity in {rows} of {of.n} samples", np.flatnonzero(units)
    fix = "remove those samples, or import the features into a store, which rejects and lists them"
    if rows * of.d > len(at) * of.n:
        listed = ", ".join(map(str, at[:8])) + (", …" if len(at) > 8 else "")
        got += f", all of them in {len(at)} of {of.d} units (column {listed})"
        fix = "leave those columns out"
    return BadInput(f"finite features in {of.name!r}", got, fix)


def _checked_rdm(representation: Representation, rows_at_once: int) -> Representation:
    every = np.arange(representation.n)
    first = representation.entries(every[:1], every[1:2])
    for start in range(0, representation.n, rows_at_once):
        rows = every[start : start + rows_at_once]
        varies = representation.entries(rows, every) != first
        varies[rows - start, rows] = False
        if varies.any():
            return replace(representation, checked=True)
    raise BadInput(
        f"dissimilarities that vary in {representation.name!r}",
        f"the same between all {representation.n} samples",
        "leave this RDM out",
    )


def constant(name: str, n: int) -> BadInput:
    return BadInput(
        f"features that vary in {name!r}",
        f"the same values in all {n} samples",
        "leave this representation out",
    )
