"""A BIDS data set with derivatives (fMRIPrep's, for instance): every run through a first-level GLM, a row a trial."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256 as sha
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.connectors.brains.arrays import of_trials
from consilience.connectors.brains.bids_files import Entities, Run, runs_of
from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.events import repetition_time, within_scan
from consilience.connectors.brains.glm import trial_betas
from consilience.connectors.brains.grids import load, reach, same_grid
from consilience.connectors.brains.interfaces import Excluded, Region, Subject
from consilience.connectors.brains.readers import fingerprint_of
from consilience.connectors.digests import digests
from consilience.engine.errors import BadInput, unknown

if TYPE_CHECKING:
    import pandas as pd

Regions = Callable[[Any], Mapping[str, Region]]


def of_bids(
    folder: str | Path,
    regions: Regions,
    *,
    task: str,
    space: str | None = None,
    entities: Entities | None = None,
    derivatives: str | Path = "derivatives",
    regions_version: str | None = None,
    confounds: Sequence[str] = (),
    tr: float | None = None,
    outside: str = "refuse",
    uneven: str = "refuse",
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
            or what it reads changes.
        task: The task whose runs are read, in `space` if it is given.
        entities: Others that the images have, where a scan was made into several: ``{"echo": "1"}``, or ``{"echo":
            None}`` for those without.
        derivatives: The folder of preprocessed images, absolute or within `folder`; the images of `folder` itself when
            it is ``"."``.
        confounds: Columns of the confounds' table that go into the GLM.
        tr: The repetition time, where neither sidecar nor header says it.
        outside, uneven: What to do with events outside the scan (`within_scan`), and with trial types that come a
            different number of times (`of_trials`).
        glm: How trials are estimated; see `trial_betas`.

    The fingerprint is over the content of images, events, confounds and sidecars, over the regions and the options: the
    first time all images are read for it (see `connectors.digests`).

    Raises BadInput, before an image is read, when there is no run, or a run lacks its events or its confounds; and when
    one is read whose units are not those of the other runs.
    """
    root = Path(folder).expanduser().absolute()
    read_as = fingerprint_of(regions, regions_version)
    runs = runs_of(root, root / Path(derivatives).expanduser(), task, space, bool(confounds), entities)
    options = {"confounds": list(confounds), "tr": tr, "outside": outside, "uneven": uneven, **glm}
    every = [run for found in runs.values() for run in found]
    files = [x for run in every for x in (run.bold, run.events, run.confounds, run.sidecar) if x is not None]
    names = {subject: [[run.name, run.bold.name] for run in found] for subject, found in runs.items()}
    spec = [names, digests(files), read_as, options]

    def load_subject(subject: str) -> Subject:
        read = [_trials(subject, run, regions, confounds, tr, outside, glm) for run in runs[subject]]
        shown = [x for trials in read for x in trials.shown]
        which = [run.name for run, trials in zip(runs[subject], read) for _ in trials.shown]
        found = of_trials(subject, shown, _together(subject, runs[subject], read), runs=which, uneven=uneven)
        return replace(found, excluded=(*(x for t in read for x in t.excluded), *found.excluded))

    return Brains(
        name=name or root.name,
        names=list(runs),
        load=load_subject,
        fingerprint=sha(json.dumps(spec).encode()).hexdigest(),
        licence=licence,
        citation=citation,
        notes={"glm": options},
    )


@dataclass(frozen=True)
class _Grid:
    """Where the voxels of an image lie; the image itself is not held."""

    shape: tuple[int, ...]
    affine: np.ndarray


@dataclass(frozen=True)
class _Trials:
    """What one run gave."""

    grid: "_Grid"
    shown: list[str]
    regions: dict[str, Region]
    excluded: list[Excluded]


def _trials(
    subject: str, run: Run, regions: Regions, columns: Sequence[str], tr: float | None, outside: str, glm: Any
) -> _Trials:
    """One run through the GLM."""
    import pandas as pd

    image = load(run.bold)
    said = json.loads(run.sidecar.read_text()).get("RepetitionTime") if run.sidecar is not None else None
    seconds = repetition_time(
        image, tr if tr is not None else said, "tr" if tr is not None else "the sidecar"
    )
    events, out = within_scan(pd.read_csv(run.events, sep="\t"), image.shape[3], seconds, outside=outside)
    lost = [Excluded(subject, f"events of {run.name}", "outside the scan", out)] if out else []
    table = None
    if columns:
        table, filled = _confounds(run, columns)
        lost += [
            Excluded(subject, f"rows of {c} in {run.name}", "not recorded; set to the mean", 1)
            for c in filled
        ]
    betas = {
        name: trial_betas(region, events, seconds, confounds=table, **glm)
        for name, region in regions(image).items()
    }
    return _Trials(_Grid(image.shape, image.affine), events["trial_type"].astype(str).tolist(), betas, lost)


def _confounds(run: Run, columns: Sequence[str]) -> "tuple[pd.DataFrame, list[str]]":
    """The columns, and which of them lacked their first row, as derivatives over time do: it is set to the mean."""
    import pandas as pd

    table = pd.read_csv(run.confounds, sep="\t")
    for column in columns:
        if column not in table.columns:
            raise unknown(f"confound of {run.name}", column, table.columns)
    table = table[list(columns)].astype(float)
    filled = [c for c in columns if np.isnan(table[c].iloc[0]) and not table[c].iloc[1:].isna().any()]
    return table.fillna({c: table[c].mean() for c in filled}), filled


def _together(subject: str, runs: Sequence[Run], read: Sequence[_Trials]) -> dict[str, Region]:
    """The trials of all runs, one below the other; BadInput where unit u is not at one place in all of them."""
    first = read[0]
    for run, other in zip(runs[1:], read[1:]):
        _same_regions(subject, runs[0].name, first, run.name, other)
    return {
        name: replace(region, values=np.concatenate([r.regions[name].values for r in read]))
        for name, region in first.regions.items()
    }


def _same_regions(subject: str, name: str, one: _Trials, name_of_other: str, other: _Trials) -> None:
    def refuse(what: str, got: str) -> None:
        raise BadInput(
            f"the same {what} in every run of {subject}", got,
            "bring all runs to one space, and use one mask for them",
        )  # fmt: skip

    if list(one.regions) != list(other.regions):
        both = [f"{', '.join(x.regions)} in {run}" for run, x in ((name, one), (name_of_other, other))]
        refuse("regions", " and ".join(both))
    for region, a in one.regions.items():
        b = other.regions[region]
        if a.values.shape[1] != b.values.shape[1]:
            got = f"{a.values.shape[1]} in {name} and {b.values.shape[1]} in {name_of_other}"
            refuse(f"units of {region}", got)
        if a.coordinates is None or b.coordinates is None:
            same_grid(other.grid, one.grid, f"{name_of_other} of {subject}", name)
        elif (apart := np.abs(a.coordinates - b.coordinates).max(initial=0.0)) > reach(one.grid.affine):
            refuse(
                f"places of the units of {region}",
                f"units up to {apart:g} mm apart in {name} and {name_of_other}",
            )
