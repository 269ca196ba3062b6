"""EEG and MEG: epochs as regions of time, so that a layer of a model can be compared with every window."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from consilience.connectors.brains.arrays import of_trials
from consilience.connectors.brains.interfaces import Subject
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import NotInstalled

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


def read_epochs(file: str | Path) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Epochs (trials, sensors, times), what was shown, and the times, from an ``-epo.fif`` file.

    Raises NotInstalled without the package mne, and BadInput when there is no such file.
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
    return held.get_data(copy=False), [codes[code] for code in held.events[:, 2]], held.times


def _windows(times: np.ndarray, windows: Windows) -> Sequence[tuple[float, float]]:
    if not isinstance(windows, int | float):
        return windows
    if windows <= 0:
        raise BadInput("windows longer than 0 s", f"{windows:g}", "give the length in seconds")
    count = int(np.floor((times[-1] - times[0]) / windows + 1e-6)) + 1
    starts = [round(float(times[0] + k * windows), 6) for k in range(count)]
    return [(start, round(start + windows, 6)) for start in starts]
