"""What was shown in the runs of every subject, and when; from there the rows of a recording over time, and features on
them.

A row is a volume. Where a run was the same for all who had it, its rows bear the same ids in all of them, and subjects
can be held to each other; where each had an order of their own the ids are theirs alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from consilience.connectors.brains.hrf import to_volumes

_OFF = 0.05  # seconds


@dataclass(frozen=True)
class Timeline:
    """The stimuli of one run, with onsets and durations in seconds; volume i is at ``first + i * tr``."""

    run: str
    shown: tuple[str, ...]
    onsets: tuple[float, ...]
    durations: tuple[float, ...]
    tr: float
    first: float = 0.0

    def on_volumes(self, features: np.ndarray, volumes: int, hrf: str | None) -> np.ndarray:
        """Features (stimuli of this run, d) as (volumes, d), as `to_volumes`; what begins outside the scan is not in
        it. A volume is made from ``i * tr`` on, wherever in it the time lies to which its slices were brought."""
        kept, first = self._within(volumes), 0.0 if hrf is None else self.first
        return to_volumes(
            features[kept], np.array(self.onsets)[kept].tolist(), volumes, self.tr, first, hrf,
            np.array(self.durations)[kept].tolist(),
        )  # fmt: skip

    def same(self, other: "Timeline") -> bool:
        """Whether the same was shown at the same times, but for what a clock is off by when a scan is started."""
        if self.shown != other.shown:
            return False
        one, two = (np.array([*x.onsets, *x.durations, x.tr, x.first]) for x in (self, other))
        return bool((np.abs(one - two) <= _OFF).all())

    def rate(self, volumes: int) -> np.ndarray:
        """That something was shown (volumes, 3): its response, and the derivatives of that by time and dispersion."""
        from nilearn.glm.first_level import compute_regressor

        kept = self._within(volumes)
        onsets, durations = np.array(self.onsets)[kept], np.array(self.durations)[kept]
        times = self.tr * np.arange(volumes)
        events = (onsets - self.first, durations, np.ones(len(onsets)))
        return np.asarray(compute_regressor(events, "spm + derivative + dispersion", times)[0])

    def _within(self, volumes: int) -> np.ndarray:
        onsets = np.array(self.onsets)
        return (onsets >= 0) & (onsets < volumes * self.tr)


@dataclass(frozen=True)
class Clock:
    """The runs of every subject by name; `volumes` says how long run k of a subject is, and is asked when needed."""

    runs: Mapping[str, Sequence[Timeline]]
    volumes: Callable[[str, int], int]

    @property
    def tr(self) -> float:
        """The seconds between two volumes, which are the same in all runs."""
        return next(iter(self.runs.values()))[0].tr

    @cached_property
    def alike(self) -> bool:
        """Whether the runs of one name are the same for all who had them."""
        first: dict[str, Timeline] = {}
        return all(first.setdefault(x.run, x).same(x) for own in self.runs.values() for x in own)

    @cached_property
    def stimulus_ids(self) -> list[str]:
        """What was shown, each once."""
        return list(dict.fromkeys(i for own in self.runs.values() for x in own for i in x.shown))

    def rows(self, subject: str) -> list[str]:
        """The ids of the volumes of a subject, run after run."""
        return [
            i
            for k, x in enumerate(self.runs[subject])
            for i in self._ids(subject, x, self.volumes(subject, k))
        ]

    def groups(self, subject: str) -> list[str] | None:
        """The run of every row; None where there is one run, of which folds have to be made."""
        own = self.runs[subject]
        if len(own) == 1:
            return None
        return [x.run for k, x in enumerate(own) for _ in range(self.volumes(subject, k))]

    def rate(self, subject: str) -> np.ndarray:
        """That something was shown, on the rows of a subject."""
        return np.concatenate([x.rate(self.volumes(subject, k)) for k, x in enumerate(self.runs[subject])])

    def on_rows(self, features: np.ndarray, hrf: str | None) -> tuple[list[str], np.ndarray]:
        """Features (stimuli, d), in the order of `stimulus_ids`, on all rows that there are: their ids, and (rows, d).
        A run that is the same for several subjects is there once, as long as the longest of them."""
        at = {stimulus: row for row, stimulus in enumerate(self.stimulus_ids)}
        each: dict[tuple[str, str], tuple[Timeline, int]] = {}
        for subject, own in self.runs.items():
            for k, line in enumerate(own):
                key = ("" if self.alike else subject, line.run)
                length = self.volumes(subject, k)
                each[key] = line, max(length, each[key][1] if key in each else 0)
        ids = [i for (subject, _), (line, n) in each.items() for i in self._ids(subject, line, n)]
        parts = [line.on_volumes(features[[at[i] for i in line.shown]], n, hrf) for line, n in each.values()]
        return ids, np.concatenate(parts)

    def _ids(self, subject: str, line: Timeline, volumes: int) -> list[str]:
        start = line.run if self.alike else f"{subject}_{line.run}"
        return [f"{start}_vol{i:04d}" for i in range(volumes)]
