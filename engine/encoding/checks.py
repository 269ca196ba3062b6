"""What was asked of an encoding, read and refused before any compute; and responses that do not vary."""

from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.representation import Representation

LEAST_FOLDS = 3  # one held out, one to choose the penalty on, one to fit
PENALTIES = tuple(float(a) for a in np.logspace(-1, 8, 10))
ROWS_AT_ONCE = 4096


def read_penalties(given: Sequence[float]) -> np.ndarray:
    """(K,) of them, each once, ascending."""
    try:
        penalties = np.atleast_1d(np.asarray(given, np.float64))
    except (TypeError, ValueError):
        penalties = np.empty(0)  # no numbers
    if penalties.ndim != 1 or not len(penalties) or not (np.isfinite(penalties) & (penalties > 0)).all():
        raise BadInput(
            "penalties above 0", str(given), "give for instance numpy.logspace(-1, 8, 10), the default"
        )
    return np.unique(penalties)


def read_count(name: str, given: Any, least: int, usual: str) -> int:
    """A whole number of `least` or more, of any integer type."""
    if isinstance(given, bool) or not isinstance(given, Integral) or given < least:
        raise BadInput(f"{name} of {least} or more, a whole number", f"{name}={given!r}", f"use {usual}")
    return int(given)


def read_delays(given: Sequence[int] | None) -> tuple[int, ...] | None:
    """The delays as they were given."""
    if given is None:
        return None
    delays = np.atleast_1d(np.asarray(given))
    whole = delays.dtype.kind in "iu" and len(delays) and (delays >= 0).all()
    if not whole or len(set(delays.tolist())) < len(delays):
        raise BadInput(
            "delays as different whole numbers of samples, from 0",
            str(given),
            "give for instance [1, 2, 3, 4]",
        )
    return tuple(int(d) for d in delays)


def refuse_delays(delays: Sequence[int], edges: list[tuple[int, int]], dropped: dict[str, int]) -> None:
    """Refuse delays where samples are missing, and delays longer than a run; `edges` are those of the runs."""
    if dropped:
        told = ", ".join(f"{count} of {model!r}" for model, count in dropped.items())
        raise BadInput(
            "the same samples in features and responses, for delays count samples", f"samples without partner: {told}",
            "give all of them the same sample ids, in the order of time",
        )  # fmt: skip
    shortest = min(b - a for a, b in edges)
    if max(delays) >= shortest:
        raise BadInput(
            f"delays shorter than the shortest run, of {shortest} samples", f"a delay of {max(delays)}",
            "leave the delay or the run out",
        )  # fmt: skip


def refuse_gap(dropped: dict[str, int]) -> None:
    """Refuse a gap where samples are missing: how far two rows are apart is then not known."""
    if dropped:
        told = ", ".join(f"{count} of {model!r}" for model, count in dropped.items())
        raise BadInput(
            "the same samples in features and responses, for a gap counts samples",
            f"samples without partner: {told}", "give all of them the same sample ids, in the order of time",
        )  # fmt: skip


def refuse_rdms(those: Sequence[Representation]) -> None:
    """Refuse dissimilarities: they have no units to predict, or to predict from."""
    if names := [r.name for r in those if r.rdm]:
        raise BadInput(
            "features and responses with units", f"an RDM in {', '.join(map(repr, names))}",
            "leave it out, or compare it by cs.compare(..., metrics=['rsa'])",
        )  # fmt: skip


def constant_units(responses: Sequence[Representation]) -> np.ndarray:
    """(v,): which units are the same in all rows."""
    found = []
    for r in responses:
        first, varies = r.take(np.arange(1)), np.zeros(r.d, bool)
        for a, b in pairwise([*range(0, r.n, ROWS_AT_ONCE), r.n]):
            if varies.all():
                break
            varies |= (r.take(np.arange(a, b)) != first).any(axis=0)
        found.append(~varies)
    return np.concatenate(found)
