"""One run of a BIDS data set as it is read: how long it is, its regions, events and confounds; and several together."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.connectors.brains.bids_files import Run
from consilience.connectors.brains.events import filled, repetition_time, stimuli_in
from consilience.connectors.brains.grids import ROUNDING, load, reach, same_grid
from consilience.connectors.brains.interfaces import Excluded, Region
from consilience.engine.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

Regions = Callable[[Any], Mapping[str, Region]]


@dataclass(frozen=True)
class Grid:
    """Where the voxels of an image lie; the image itself is not held."""

    shape: tuple[int, ...]
    affine: np.ndarray


@dataclass(frozen=True)
class Rows:
    """Rows of one run, trials or volumes; `grid` is None for surfaces."""

    run: str
    grid: Grid | None
    regions: dict[str, Region]


def seconds_of(run: Run, tr: float | None) -> tuple[float, float]:
    """The repetition time, of `tr`, or else of the sidecar, or of the image's header; and the time that the first
    volume stands for: where its slices were brought to, as the sidecar of the image says (``StartTime``).

    Raises BadInput where these differ, or none says: what GIFTI says of time has no unit that is agreed on.
    """
    told = [json.loads(path.read_text()) for path in run.sidecars]
    first = float(told[0].get("StartTime") or 0.0) if run.own is not None else 0.0
    said = next((x["RepetitionTime"] for x in told if "RepetitionTime" in x), None)
    given, named = (tr, "tr") if tr is not None else (said, "the sidecar")
    if not run.halves:
        return repetition_time(_volumes(run), given, named), first
    if given is None or given <= 0:
        raise BadInput(
            f"a repetition time in seconds of {run.bold.name}", "no sidecar with RepetitionTime", "pass tr"
        )
    return float(given), first


def length_of(run: Run) -> int:
    """The number of volumes; or of maps in a GIFTI file, one an array, or all in one array of two axes."""
    if not run.halves:
        return int(_volumes(run).shape[3])
    import nibabel

    arrays = nibabel.load(run.bold).darrays  # type: ignore[attr-defined]
    return len(arrays) if len(arrays) > 1 or arrays[0].data.ndim == 1 else int(arrays[0].data.shape[1])


def _volumes(run: Run) -> Any:
    image = load(run.bold)
    if image.ndim != 4:
        raise BadInput(
            "runs with a fourth axis (volumes)", f"{run.bold.name} of shape {image.shape}",
            "choose other images by space or entities",
        )  # fmt: skip
    return image


def regions_of(run: Run, regions: Regions) -> Rows:
    """The regions of a run, a row a volume."""
    if run.halves:
        return Rows(run.name, None, dict(regions(run.halves)))
    image = load(run.bold)
    return Rows(run.name, Grid(image.shape, image.affine), dict(regions(image)))


def events_of(run: Run, stimulus: str, rest: Sequence[str]) -> "pd.DataFrame":
    """The events, whose ``trial_type`` is what their column `stimulus` says, without those that are `rest`; of these
    ``n/a`` is what is not known."""
    import pandas as pd

    table = pd.read_csv(run.events, sep="\t", dtype={stimulus: str})  # "007" is no number
    return stimuli_in(table, run.events.name, stimulus, rest)


def confounds_of(
    subject: str, run: Run, columns: Sequence[str]
) -> "tuple[pd.DataFrame | None, list[Excluded]]":
    """The columns, and which of them lacked their first row, as derivatives over time do: it is set to the mean."""
    if not columns:
        return None, []
    import pandas as pd

    return filled(subject, run.name, pd.read_csv(run.confounds, sep="\t"), columns)


def together(subject: str, read: Sequence[Rows]) -> dict[str, Region]:
    """The rows of all runs, one below the other; BadInput where unit u is not at one place in all of them."""
    first = read[0]
    for other in read[1:]:
        _same_regions(subject, first, other)
    return {
        name: replace(region, values=np.concatenate([r.regions[name].values for r in read]))
        for name, region in first.regions.items()
    }


def _same_regions(subject: str, one: Rows, other: Rows) -> None:
    def refuse(what: str, got: str) -> None:
        raise BadInput(
            f"the same {what} in every run of {subject}", got,
            "bring all runs to one space, and use one mask for them",
        )  # fmt: skip

    if list(one.regions) != list(other.regions):
        refuse("regions", " and ".join(f"{', '.join(x.regions)} in {x.run}" for x in (one, other)))
    near = ROUNDING if one.grid is None else reach(one.grid.affine)
    for region, a in one.regions.items():
        b = other.regions[region]
        if a.values.shape[1] != b.values.shape[1]:
            got = f"{a.values.shape[1]} in {one.run} and {b.values.shape[1]} in {other.run}"
            refuse(f"units of {region}", got)
        if a.coordinates is None or b.coordinates is None:
            if one.grid is not None and other.grid is not None:
                same_grid(other.grid, one.grid, f"{other.run} of {subject}", one.run)
        elif (apart := np.abs(a.coordinates - b.coordinates).max(initial=0.0)) > near:
            refuse(
                f"places of the units of {region}",
                f"units up to {apart:g} mm apart in {one.run} and {other.run}",
            )
