"""A BIDS data set with derivatives (fMRIPrep's, for instance): every run through a first-level GLM, a row a trial; or
as it is, a row a volume."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256 as sha
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.connectors.brains.arrays import of_trials
from consilience.connectors.brains.bids_files import Entities, Run, runs_of
from consilience.connectors.brains.bids_runs import (
    Regions,
    Rows,
    confounds_of,
    events_of,
    length_of,
    regions_of,
    seconds_of,
    together,
)
from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.events import SAME_TR, within_scan
from consilience.connectors.brains.glm import too_late, trial_betas
from consilience.connectors.brains.interfaces import Excluded, Subject
from consilience.connectors.brains.readers import PerSubject, fingerprint_of
from consilience.connectors.brains.signals import check_confounds
from consilience.connectors.brains.timelines import Clock, Timeline
from consilience.connectors.digests import digests
from consilience.engine.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd


def of_bids(
    folder: str | Path,
    regions: Regions | PerSubject,
    *,
    task: str,
    space: str | None = None,
    entities: Entities | None = None,
    derivatives: str | Path = "derivatives",
    surface: bool = False,
    regions_version: str | None = None,
    stimulus: str = "trial_type",
    rest: Sequence[str] = (),
    confounds: Sequence[str] = (),
    tr: float | None = None,
    outside: str = "refuse",
    uneven: str = "refuse",
    over_time: bool = False,
    name: str | None = None,
    licence: str = "not stated",
    citation: str = "not stated",
    **glm: Any,
) -> Brains:
    """The subjects of the BIDS data set in `folder`; a stimulus is a ``trial_type`` of the events, a trial an event.

    Args:
        folder: The raw data set, with the events.
        regions: What reads the regions of a run's image: `Masks`, `Atlas` or `Spheres`; or a function, such as ``lambda
            image: {"VT": in_mask(image, mask)}``, with `regions_version`: any text, another one whenever the function
            or what it reads changes. Of surfaces it is called with the files of the hemispheres, as `SurfaceReader`
            is. `PerSubject` where each subject has masks of its own.
        task: The task whose runs are read, in `space` if it is given.
        entities: Others that the images have, where a scan was made into several: ``{"echo": "1"}``, or ``{"echo":
            None}`` for those without.
        derivatives: The folder of preprocessed images, absolute or within `folder`; the images of `folder` itself when
            it is ``"."``.
        surface: Read ``*_hemi-L_*_bold.func.gii`` and ``hemi-R``, in place of volumes.
        stimulus, rest: The column of the events that holds the ids of the stimuli, and those of its values that are
            none (``fixation``, ``n/a``): events of these are left out.
        confounds: Columns of the confounds' table. They go into the GLM, or, over time, make the nuisance space
            ``confounds``.
        tr: The repetition time, where neither sidecar nor header says it.
        outside, uneven: What to do with events outside the scan (`within_scan`), and with trial types that come a
            different number of times (`of_trials`).
        over_time: Rows are the volumes as they were recorded, for an encoding with a haemodynamic response or delays:
            groups are the runs, the nuisance space ``rate`` says that something was shown, and ``on_rows`` brings
            features of the stimuli to the volumes at which they were. See `Clock` for the ids of the rows.
        glm: How trials are estimated; see `trial_betas`.

    The fingerprint is over the content of images, events, confounds and sidecars, over the regions and the options: the
    first time all images are read for it (see `connectors.digests`).

    Raises BadInput, before an image is read, when there is no run, or a run lacks its events or its confounds; and when
    one is read whose units are not those of the other runs.
    """
    if over_time and glm:
        raise BadInput(
            "no options of a GLM with `over_time`", ", ".join(glm), "leave them out: no trials are estimated"
        )
    if over_time and uneven != "refuse":
        raise BadInput("no `uneven` with `over_time`", repr(uneven), "leave it out: every volume is a row")
    root = Path(folder).expanduser().absolute()
    images = root / Path(derivatives).expanduser()
    runs = runs_of(root, images, task, space, bool(confounds), entities, surface)
    readers = {
        subject: regions.make(subject) if isinstance(regions, PerSubject) else regions for subject in runs
    }
    options = {
        "confounds": list(confounds), "tr": tr, "outside": outside, "uneven": uneven, "stimulus": stimulus,
        "rest": list(rest), **({"over_time": True} if over_time else glm),
    }  # fmt: skip
    names = {subject: [[run.name, run.bold.name] for run in found] for subject, found in runs.items()}
    files = [x for found in runs.values() for run in found for x in run.files]
    # One reader of all subjects is asked once: it may hold large masks.
    read_as = [fingerprint_of(x, regions_version) for x in {id(x): x for x in readers.values()}.values()]
    spec = [names, digests(files), read_as, options]
    reading = _Reading(runs, readers, stimulus, rest, confounds, tr, outside)
    clock = reading.clock() if over_time else None

    def load(subject: str) -> Subject:
        return reading.trials(subject, uneven, glm) if clock is None else reading.volumes(subject, clock)

    more: dict[str, Any] = {"notes": {"glm": options}}
    if clock is not None:
        more = {
            "on_rows": clock.on_rows, "stimulus_ids": clock.stimulus_ids, "own_rows": not clock.alike,
            "notes": {"tr": clock.tr, "over_time": options},
        }  # fmt: skip
    return Brains(
        name=name or root.name, names=list(runs), load=load, fingerprint=sha(json.dumps(spec).encode()).hexdigest(),
        licence=licence, citation=citation, **more,
    )  # fmt: skip


@dataclass(frozen=True)
class _Reading:
    """How the runs of a data set are read."""

    runs: Mapping[str, Sequence[Run]]
    readers: Mapping[str, Regions]
    stimulus: str
    rest: Sequence[str]
    confounds: Sequence[str]
    tr: float | None
    outside: str

    def events(self, subject: str, run: Run, tr: float) -> "tuple[pd.DataFrame, list[Excluded]]":
        """The events within the scan, and how many were not; see `within_scan`."""
        every = events_of(run, self.stimulus, self.rest)
        events, out = within_scan(every, length_of(run), tr, outside=self.outside)
        return events, [Excluded(subject, f"events of {run.name}", "outside the scan", out)] if out else []

    def trials(self, subject: str, uneven: str, glm: Mapping[str, Any]) -> Subject:
        """Every run through the GLM."""
        read: list[Rows] = []
        lost: list[Excluded] = []
        shown: list[str] = []
        which: list[str] = []
        for run in self.runs[subject]:
            tr, first = seconds_of(run, self.tr)
            events, out = self.events(subject, run, tr)
            if self.outside == "drop" and (late := too_late(events, length_of(run), tr, first)).any():
                out.append(
                    Excluded(subject, f"events of {run.name}", "too late for a response", int(late.sum()))
                )
                events = events[~late]
            table, filled = confounds_of(subject, run, self.confounds)
            volumes = regions_of(run, self.readers[subject])
            betas = {
                name: trial_betas(region, events, tr, first=first, confounds=table, **glm)
                for name, region in volumes.regions.items()
            }
            read.append(replace(volumes, regions=betas))
            shown += events["trial_type"].astype(str).tolist()
            which += [run.name] * len(events)
            lost += [*out, *filled]
        found = of_trials(subject, shown, together(subject, read), runs=which, uneven=uneven)
        return replace(found, excluded=(*lost, *found.excluded))

    def volumes(self, subject: str, clock: Clock) -> Subject:
        """Every run as it was recorded."""
        read: list[Rows] = []
        lost: list[Excluded] = []
        tables: list[np.ndarray] = []
        for run, line in zip(self.runs[subject], clock.runs[subject]):
            lost += self.events(subject, run, line.tr)[1]
            table, filled = confounds_of(subject, run, self.confounds)
            check_confounds(table, length_of(run))
            if table is not None:
                tables.append(table.to_numpy(float))
            read.append(regions_of(run, self.readers[subject]))
            lost += filled
        nuisance = {"rate": clock.rate(subject)}
        if tables:
            nuisance["confounds"] = np.concatenate(tables)
        return Subject(
            subject, clock.rows(subject), together(subject, read), groups=clock.groups(subject), nuisance=nuisance,
            excluded=tuple(lost),
        )  # fmt: skip

    def clock(self) -> Clock:
        """What was shown when, in all runs; BadInput where they differ in their repetition time, of which there is
        one."""
        lines = {subject: [self._line(run) for run in own] for subject, own in self.runs.items()}
        seconds = {f"{subject} {x.run}": x.tr for subject, own in lines.items() for x in own}
        (one, first), *others = seconds.items()
        for other, held in others:
            if abs(held - first) > SAME_TR:
                raise BadInput(
                    "one repetition time in all runs", f"{first:g} s in {one} and {held:g} s in {other}",
                    "resample some, or choose runs by `entities`",
                )  # fmt: skip
        return Clock(lines, cache(lambda subject, k: length_of(self.runs[subject][k])))

    def _line(self, run: Run) -> Timeline:
        tr, first = seconds_of(run, self.tr)
        events = events_of(run, self.stimulus, self.rest).sort_values("onset", kind="stable")
        onsets, durations = (tuple(events[c].tolist()) for c in ("onset", "duration"))
        return Timeline(run.name, tuple(events["trial_type"].astype(str)), onsets, durations, tr, first)
