"""A user's own arrays: stimuli by units, and trials in which stimuli come several times."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from consilience.connectors.brains.interfaces import Excluded, Region, Subject
from consilience.engine.errors import BadInput, unknown


def of_trials(
    name: str,
    shown: Sequence[Any],
    regions: Mapping[str, np.ndarray | Region],
    *,
    runs: Sequence[Any] | None = None,
    uneven: str = "refuse",
    **more: Any,
) -> Subject:
    """A subject from trials: row t of every region (trials, units) is the response to stimulus ``shown[t]``.

    The k-th trials of all stimuli make repeat k, in the order in which they came. Where every stimulus came once in
    every run, the repeats are the runs and bear their names. `more` is nuisance and so on, as in `Subject`.

    Raises BadInput when stimuli came a different number of times; with ``uneven="drop"`` only as many repeats as the
    rarest stimulus has are kept, the first ones, and the others are counted.
    """
    if uneven not in ("refuse", "drop"):
        raise unknown("way with uneven repeats", uneven, ("refuse", "drop"))
    labels = [str(x) for x in shown]
    counts = Counter(labels)
    if runs is not None and len(runs) != len(labels):
        raise BadInput(
            f"the run of each of {len(labels)} trials of {name}", f"{len(runs)} runs", "give one run a trial"
        )
    if not counts:
        raise BadInput(f"at least one trial of {name}", "none", "check the events")
    fewest, most = min(counts.values()), max(counts.values())
    if fewest < most and uneven == "refuse":
        rare, frequent = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        raise BadInput(
            f"every stimulus the same number of times in {name}",
            f"{frequent!r} {most} times, {rare!r} {fewest}",
            f'pass uneven="drop" to keep the first {fewest} of each and count the others (in a study: `uneven: drop` '
            "beside the name of the data), or average them first",
        )
    rows = {stimulus: np.flatnonzero(np.array(labels) == stimulus)[:fewest] for stimulus in counts}
    order = np.stack(list(rows.values()))  # stimuli x repeats
    read = {key: x if isinstance(x, Region) else Region(np.asarray(x)) for key, x in regions.items()}
    for key, region in read.items():
        if region.values.shape[:1] != (len(labels),) or region.values.ndim != 2:
            raise BadInput(
                f"region {key!r} of {name} of shape ({len(labels)}, units), one row a trial",
                f"shape {region.values.shape}", "give one label a trial",
            )  # fmt: skip
    dropped = len(labels) - order.size
    reason = f"more than the {fewest} of the stimulus with the fewest"
    lost = (Excluded(name, f"of {len(labels)} trials", reason, dropped),) if dropped else ()
    chosen = {
        key: replace(r, values=r.values[order if fewest > 1 else order[:, 0]]) for key, r in read.items()
    }
    repeats = _names(order, runs) if fewest > 1 else ()
    return Subject(name, list(rows), chosen, repeats, excluded=lost, **more)


def _names(order: np.ndarray, runs: Sequence[Any] | None) -> tuple[str, ...]:
    """The names of the runs if each holds one repeat of every stimulus, else of repeats by number."""
    if runs is not None:
        by_repeat = np.array([str(run) for run in runs])[order]
        if (by_repeat == by_repeat[0]).all() and len(set(by_repeat[0])) == order.shape[1]:
            return tuple(by_repeat[0].tolist())
    return tuple(f"repeat{k}" for k in range(1, order.shape[1] + 1))
