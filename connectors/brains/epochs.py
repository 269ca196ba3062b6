"""EEG and MEG: epochs as regions of time, so that a layer of a model can be compared with every window."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from consilience.connectors.brains.arrays import of_trials
from consilience.connectors.brains.interfaces import Subject
from consilience.engine.errors import BadInput, unknown
from consilience.engine.extraction.interfaces import NotInstalled

SENSORS = (
    "eeg",
    "mag",
    "grad",
    "seeg",
    "ecog",
    "dbs",
    "csd",
)  # kinds of channel, as mne has them, that measure brains
Windows = float | Sequence[tuple[float, float]]


def of_epochs(
    name: str,
    epochs: np.ndarray,
    shown: Sequence[Any],
    times: Sequence[float] | np.ndarray,
    windows: Windows,
    *,
    mean: bool = False,
    **more: Any,
) -> Subject:
    """A subject from epochs (trials, sensors, times), `times` in seconds from the onset of what was `shown`.

    Every window is a region, ``-100ms..0ms``: samples from its start up to, but not at, its end. Its units are the
    sensors at every sample of it, or with `mean` the sensors' means over it. `windows` is a list of (start, end), or
    the length of windows that cover `times` one after another. `more` is as in `of_trials`.

    Raises BadInput for shapes that do not fit, times that do not rise, and a window without a sample.
    """
    x, at = np.asarray(epochs), np.asarray(times, dtype=float)
    if x.ndim != 3 or x.shape[2] != len(at) or len(x) != len(shown):
        raise BadInput(
            f"epochs of shape (trials, sensors, times) = ({len(shown)}, sensors, {len(at)})",
            f"shape {x.shape}", "give one label a trial, and one time a sample",
        )  # fmt: skip
    if (np.diff(at) <= 0).any():
        raise BadInput("times that rise", "times that do not", "sort the samples by time")
    regions = {}
    for start, end in _windows(at, windows):
        # Half a microsecond allows for times that were computed.
        within = (at >= start - 5e-7) & (at < end - 5e-7)
        label = f"{start * 1000:g}ms..{end * 1000:g}ms"
        if not within.any():
            raise BadInput(
                f"a window within {at[0]:g} to {at[-1]:g} s", f"{label}, which has no sample",
                "give windows in seconds",
            )  # fmt: skip
        held = x[:, :, within]
        regions[label] = held.mean(axis=2) if mean else held.reshape(len(x), -1)
    return of_trials(name, shown, regions, **more)


@dataclass(frozen=True)
class Epochs:
    """What a file holds: `values` (trials, sensors, times), what was `shown`, `times` in seconds; and what is not among
    them, as (what, why, how many)."""

    values: np.ndarray
    shown: list[str]
    times: np.ndarray
    left_out: tuple[tuple[str, str, int], ...] = ()


def read_epochs(file: str | Path, sensors: str | None = None) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Epochs (trials, sensors, times), what was shown, and the times, of a file; see `held_in`."""
    held = held_in(file, sensors)
    return held.values, held.shown, held.times


def held_in(file: str | Path, sensors: str | None = None) -> Epochs:
    """The epochs in an ``-epo.fif`` file, of the `sensors` of one kind: ``"eeg"``, ``"mag"``, ``"grad"``, …; by itself
    of the kind there is.

    mne gives all channels of a file, those too that are marked as bad or measure the eyes; these are left out, and
    counted, as are the trials that were dropped before the file was written.

    Raises NotInstalled without the package mne; BadInput when there is no such file, and where it holds several kinds
    of sensors, whose units (V, T, T/m) cannot be compared, or none.
    """
    if find_spec("mne") is None:
        raise NotInstalled(
            "the package mne, which reads .fif files",
            "not installed",
            "pip install mne (or the extra `meeg`)",
        )
    if not Path(file).is_file():
        raise BadInput("a file of epochs", f"{file}, which is not a file", "check the path")
    import mne

    held = mne.read_epochs(file, verbose="error")
    codes = {code: name for name, code in held.event_id.items()}
    kinds = np.array(held.get_channel_types())
    there = list(dict.fromkeys(kinds.tolist()))
    measured = [kind for kind in there if kind in SENSORS]
    if sensors is None and len(measured) != 1:
        kinds_there = measured or there
        raise BadInput(
            f"sensors of one kind in {Path(file).name}, or which to read as `sensors`", ", ".join(kinds_there),
            f"choose one, such as sensors={kinds_there[0]!r} (in a study: `sensors: {kinds_there[0]}` beside the name)",
        )  # fmt: skip
    kind = sensors if sensors is not None else measured[0]
    if kind not in there:
        raise unknown(f"kind of sensor in {Path(file).name}", kind, there)
    bad = np.isin(held.ch_names, held.info["bads"])
    used = (kinds == kind) & ~bad
    if not used.any():
        raise BadInput(
            f"{kind} sensors that are not bad in {Path(file).name}", "bad ones alone", "clear info['bads']"
        )
    dropped = Counter(why for each in held.drop_log for why in each[:1] if why != "IGNORED")
    left_out = [
        ("sensors", "marked as bad", int((bad & (kinds == kind)).sum())),
        *(
            (f"channels ({other})", f"not {kind}", int((kinds == other).sum()))
            for other in there
            if other != kind
        ),
        *(("epochs", f"dropped before ({why})", count) for why, count in dropped.items()),
    ]
    return Epochs(
        held.get_data(picks=np.flatnonzero(used), copy=False), [codes[code] for code in held.events[:, 2]], held.times,
        tuple(x for x in left_out if x[2]),
    )  # fmt: skip


def _windows(times: np.ndarray, windows: Windows) -> Sequence[tuple[float, float]]:
    if not isinstance(windows, int | float):
        return windows
    if windows <= 0:
        raise BadInput("windows longer than 0 s", f"{windows:g}", "give the length in seconds")
    count = int(np.floor((times[-1] - times[0]) / windows + 1e-6)) + 1
    starts = [round(float(times[0] + k * windows), 6) for k in range(count)]
    return [(start, round(start + windows, 6)) for start in starts]
