"""Events and confounds on the clock of a scan: what nilearn would only warn of is refused, or counted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.connectors.brains.interfaces import Excluded
from consilience.connectors.brains.signals import check_confounds
from consilience.engine.errors import BadInput, unknown

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("onset", "duration", "trial_type")
SAME_TR = 1e-3  # seconds, between two repetition times that mean the same


def within_scan(
    events: "pd.DataFrame", volumes: int, tr: float, *, outside: str = "refuse"
) -> "tuple[pd.DataFrame, int]":
    """The events (onset and duration in seconds, trial_type) in the order of their onsets, and how many were left out.

    An event is outside when it begins before 0 or at or after ``volumes * tr``.

    Raises BadInput for missing columns, values that are NaN, and events outside the scan; with ``outside="drop"`` these
    are left out and counted.
    """
    if outside not in ("refuse", "drop"):
        raise unknown("way with events outside the scan", outside, ("refuse", "drop"))
    events = complete(events)
    onset, end = events["onset"].to_numpy(float), volumes * tr
    out = (onset < 0) | (onset >= end)
    if out.any() and outside == "refuse":
        raise BadInput(
            f"events within the scan, 0 to {end:g} s ({volumes} volumes of {tr:g} s)",
            f"{int(out.sum())} of {len(events)} outside it, the first at {onset[out][0]:g} s",
            'check the unit of the onsets, the TR and the discarded volumes, or pass outside="drop"',
        )
    kept = events.loc[~out, list(_COLUMNS)]
    if kept.empty:
        raise BadInput("at least one event within the scan", "none", "check the events")
    order = np.argsort(kept["onset"].to_numpy(float), kind="stable")
    return kept.iloc[order].reset_index(drop=True), int(out.sum())


def complete(events: "pd.DataFrame") -> "pd.DataFrame":
    """The events, with times as numbers; BadInput for missing columns, for values that are NaN or no numbers,
    and for durations that cannot be meant."""
    import pandas as pd

    absent = [name for name in _COLUMNS if name not in events.columns]
    if absent:
        raise BadInput(
            f"events with the columns {', '.join(_COLUMNS)}", f"no {', '.join(absent)}", "rename the columns"
        )
    times = {name: pd.to_numeric(events[name], errors="coerce") for name in ("onset", "duration")}
    events = events.assign(**times)
    broken = int(events[list(_COLUMNS)].isna().any(axis=1).sum())
    if broken:
        raise BadInput(
            "an onset, a duration and a trial_type in every event",
            f"{broken} of {len(events)} without one",
            "complete these events, or leave them out",
        )
    if (events["duration"] < 0).any():
        raise BadInput("durations of 0 s or longer", f"{events['duration'].min():g} s", "correct the events")
    instant = int((events["duration"] == 0).sum())
    if 0 < instant < len(events):  # an impulse is by far smaller than a boxcar
        raise BadInput(
            "a duration above 0 in every event, or 0 in all", f"0 in {instant} of {len(events)}",
            "give all a duration, or name the events that are no stimuli as `rest`",
        )  # fmt: skip
    return events


def stimuli_in(events: "pd.DataFrame", named: str, stimulus: str, rest: Sequence[str]) -> "pd.DataFrame":
    """The events, whose ``trial_type`` is what their column `stimulus` says, without those that are `rest`; of these
    ``n/a`` is what is not known. `named` is their file. Raises BadInput as `complete`, and without that column."""
    if stimulus not in events.columns:
        raise unknown(f"column of {named}, for the stimuli", stimulus, map(str, events.columns))
    shown = events[stimulus].fillna("n/a") if "n/a" in rest else events[stimulus]
    return complete(events.assign(trial_type=shown)[~shown.astype(str).isin(rest)])


def filled(
    subject: str, run: str, table: "pd.DataFrame", columns: Sequence[str]
) -> "tuple[pd.DataFrame, list[Excluded]]":
    """These columns of a run's confounds as numbers. One that lacks its first row alone, as a derivative over time
    does, is set to its mean there, which is counted; BadInput for one that lacks more, or is not there."""
    import pandas as pd

    for column in columns:
        if column not in table.columns:
            raise unknown(f"confound of {run}", column, map(str, table.columns))
    found = table[list(columns)].apply(pd.to_numeric, errors="coerce")
    first = [c for c in columns if np.isnan(found[c].iloc[0]) and not found[c].iloc[1:].isna().any()]
    found = found.fillna({c: found[c].mean() for c in first})
    check_confounds(found, len(found))
    return found, [
        Excluded(subject, f"rows of {c} in {run}", "not recorded; set to the mean", 1) for c in first
    ]


def repetition_time(image: Any, tr: float | None, named: str = "tr") -> float:
    """The seconds between two volumes, from `tr` or else from the header of the image. One that says 1 without a unit
    is one that nobody set, and says nothing.

    Raises BadInput when the two differ, and when neither says.
    """
    unit = image.header.get_xyzt_units()[1]
    held = float(image.header.get_zooms()[3]) * {"msec": 1e-3, "usec": 1e-6}.get(unit, 1.0)
    if held == 1 and unit == "unknown":
        held = 0.0
    if tr is None and held > 0:
        return held
    if tr is None or tr <= 0:
        raise BadInput("a repetition time in seconds", f"{tr} and a header without one", "pass tr")
    if held > 0 and abs(held - tr) > SAME_TR:
        raise BadInput(
            f"one repetition time: {named} = {tr:g} s", f"{held:g} s in the header of the image",
            "find out which is right; image.header.set_zooms corrects a header",
        )  # fmt: skip
    return float(tr)
