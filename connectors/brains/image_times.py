"""Folders of images over time: a row is a volume, and a table says of each in which run it was recorded and what was
shown; or events say that, on the clock of their run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from consilience.connectors.brains.events import filled, stimuli_in, within_scan
from consilience.connectors.brains.interfaces import Excluded, Region, Subject
from consilience.connectors.brains.named_readers import placed_at
from consilience.connectors.brains.timelines import Clock, Timeline
from consilience.engine.errors import BadInput, unknown

if TYPE_CHECKING:
    import pandas as pd

_ONE = "run"  # its name where there is one


@dataclass(frozen=True)
class Times:
    """Volumes are `tr` seconds apart. `events` is a file (``{subject}`` in it stands for the subject) whose column
    `stimulus` says what was shown; without it the column ``sample_id`` of the table does, volume by volume, and `rest`
    is nothing. `confounds` are columns of the table."""

    tr: float
    events: str | None = None
    stimulus: str = "trial_type"
    rest: tuple[str, ...] = ("rest",)
    confounds: tuple[str, ...] = ()
    outside: str = "refuse"
    base: str | Path = "."

    def events_of(self, subject: str) -> Path | None:
        """The file of a subject's events; BadInput where it is not there."""
        if self.events is None:
            return None
        path = placed_at(self.base, self.events, subject=subject)
        if not path.is_file():
            raise BadInput("a file of events", f"{path}, which is not a file", "check `events`")
        return path


@dataclass(frozen=True)
class Tables:
    """Of every subject the lines of its volumes, and its events, run by run."""

    times: Times
    volumes: Mapping[str, Mapping[str, "pd.DataFrame"]]
    events: Mapping[str, Mapping[str, "pd.DataFrame"]]

    @property
    def sparse(self) -> bool:
        """Whether there are volumes at which nothing was shown, so that showing something is an event."""
        if self.times.events is not None:
            return True
        every = (table for runs in self.volumes.values() for table in runs.values())
        return any(table["sample_id"].isin(self.times.rest).any() for table in every)

    def clock(self) -> Clock:
        lines = {
            subject: [self._line(subject, run) for run in runs] for subject, runs in self.volumes.items()
        }
        return Clock(lines, lambda subject, k: len(list(self.volumes[subject].values())[k]))

    def subject(
        self, name: str, read: Callable[[list[str] | None], Mapping[str, Region]], clock: Clock
    ) -> Subject:
        """A row a volume; `read` is called with the run of each."""
        runs = self.volumes[name]
        which = [run for run, table in runs.items() for _ in range(len(table))]
        regions = dict(read(which))
        for of, region in regions.items():
            if region.n != len(which):
                raise BadInput(
                    f"{region.n} lines in the table of {name}, one a volume of {of}", str(len(which)),
                    "write one line a volume, below the names of the columns",
                )  # fmt: skip
        lost: list[Excluded] = []
        for run, events in self.events.get(name, {}).items():
            out = within_scan(events, len(runs[run]), self.times.tr, outside=self.times.outside)[1]
            lost += [Excluded(name, f"events of {run}", "outside the scan", out)] if out else []
        nuisance = {"rate": clock.rate(name)} if self.sparse else {}
        if self.times.confounds:
            each = [filled(name, run, table, self.times.confounds) for run, table in runs.items()]
            nuisance["confounds"] = np.concatenate([values.to_numpy(float) for values, _ in each])
            lost += [x for _, out in each for x in out]
        return Subject(
            name,
            clock.rows(name),
            regions,
            groups=clock.groups(name),
            nuisance=nuisance,
            excluded=tuple(lost),
        )

    def _line(self, subject: str, run: str) -> Timeline:
        tr = self.times.tr
        if self.times.events is None:
            ids = self.volumes[subject][run]["sample_id"]
            at = np.flatnonzero(~ids.isin(self.times.rest))
            return Timeline(run, tuple(ids.iloc[at]), tuple((tr * at).tolist()), (0.0,) * len(at), tr)
        events = self.events[subject][run].sort_values("onset", kind="stable")
        onsets, durations = (tuple(events[c].tolist()) for c in ("onset", "duration"))
        return Timeline(run, tuple(events["trial_type"].astype(str)), onsets, durations, tr)


def tables_of(files: Mapping[str, Path], times: Times) -> Tables:
    """The tables of every subject, checked.

    Raises BadInput for a repetition time that is none, columns that are missing, volumes of several runs in turn, and
    events of a run that was not recorded.
    """
    if not times.tr > 0:
        raise BadInput(
            "a repetition time in seconds", f"tr={times.tr}", "leave it out where rows are no time points"
        )
    volumes = {subject: _volumes(path, times) for subject, path in files.items()}
    events = {}
    for subject in files:
        if (path := times.events_of(subject)) is not None:
            events[subject] = _events(path, list(volumes[subject]), times)
    return Tables(times, volumes, events)


def _volumes(path: Path, times: Times) -> dict[str, "pd.DataFrame"]:
    import pandas as pd

    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    needed = [*([] if times.events else ["sample_id"]), *times.confounds]
    for column in needed:
        if column not in table.columns:
            raise unknown(f"column of {path.name}", column, map(str, table.columns))
    runs = table["run"].tolist() if "run" in table.columns else [_ONE] * len(table)
    order = [run for run, _ in groupby(runs)]
    if len(set(order)) < len(order):
        raise BadInput(
            f"runs whose volumes follow each other in {path.name}", "volumes of several runs in turn",
            "put the volumes of a run together, in the order of time",
        )  # fmt: skip
    held = pd.Series(runs)
    return {run: table[(held == run).to_numpy()] for run in order}


def _events(path: Path, runs: Sequence[str], times: Times) -> dict[str, "pd.DataFrame"]:
    import pandas as pd

    table = pd.read_csv(path, sep="\t", dtype={times.stimulus: str, "run": str})
    if len(runs) > 1 and "run" not in table.columns:
        raise unknown(f"column of {path.name}", "run", map(str, table.columns))
    of = (
        table["run"].astype(str)
        if "run" in table.columns and len(runs) > 1
        else pd.Series(runs[0], table.index)
    )
    if strange := sorted(set(of) - set(runs)):
        raise BadInput(
            f"events of the runs {', '.join(runs)} in {path.name}", f"some of {strange[0]}", "name the runs alike"
        )  # fmt: skip
    kept = stimuli_in(table, path.name, times.stimulus, times.rest)
    return {run: kept[of[kept.index] == run] for run in runs}
