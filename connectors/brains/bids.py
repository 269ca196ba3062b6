"""A BIDS data set with derivatives (fMRIPrep's, for instance): every run through a first-level GLM, a row a trial."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256 as sha
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.connectors.brains.arrays import of_trials
from consilience.connectors.brains.bids_files import Run, runs_of
from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.events import repetition_time, within_scan
from consilience.connectors.brains.glm import trial_betas
from consilience.connectors.brains.grids import load
from consilience.connectors.brains.interfaces import Excluded, Region, Subject
from consilience.connectors.files import sha256
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
    derivatives: str | Path = "derivatives",
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
        regions: What reads the regions of a run's image, such as ``lambda image: {"VT": in_mask(image, mask)}``.
        task: The task whose runs are read, in `space` if it is given.
        derivatives: The folder of preprocessed images, absolute or within `folder`; the images of `folder` itself when
            it is ``"."``.
        confounds: Columns of the confounds' table that go into the GLM.
        tr: The repetition time, where neither sidecar nor header says it.
        outside, uneven: What to do with events outside the scan (`within_scan`), and with trial types that come a
            different number of times (`of_trials`).
        glm: How trials are estimated; see `trial_betas`.

    The fingerprint is over names and sizes of the images, and over events, confounds and options. Raises BadInput,
    before an image is read, when there is no run, or a run lacks its events or its confounds.
    """
    root = Path(folder).expanduser().absolute()
    runs = runs_of(root, root / derivatives, task, space, bool(confounds))
    options = {"confounds": list(confounds), "tr": tr, "outside": outside, "uneven": uneven, **glm}
    spec = [[s, [[r.bold.name, r.bold.stat().st_size] for r in found]] for s, found in runs.items()]
    texts = [x for found in runs.values() for r in found for x in (r.events, r.confounds) if x is not None]

    def load_subject(subject: str) -> Subject:
        read = [_trials(subject, run, regions, confounds, tr, outside, glm) for run in runs[subject]]
        shown = [x for trials in read for x in trials.shown]
        which = [run.name for run, trials in zip(runs[subject], read) for _ in trials.shown]
        found = of_trials(
            subject, shown, _together(subject, [t.regions for t in read]), runs=which, uneven=uneven
        )
        return replace(found, excluded=(*(x for t in read for x in t.excluded), *found.excluded))

    return Brains(
        name=name or root.name,
        names=list(runs),
        load=load_subject,
        fingerprint=sha(json.dumps([spec, sha256(texts), options], sort_keys=True).encode()).hexdigest(),
        licence=licence,
        citation=citation,
        notes={"glm": options},
    )


@dataclass(frozen=True)
class _Trials:
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
    return _Trials(events["trial_type"].astype(str).tolist(), betas, lost)


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


def _together(subject: str, runs: Sequence[dict[str, Region]]) -> dict[str, Region]:
    """The trials of all runs, one below the other."""
    for name in runs[0]:
        widths = sorted({r[name].values.shape[1] for r in runs})
        if len(widths) > 1:
            raise BadInput(
                f"the same units of {name} in every run of {subject}", " and ".join(map(str, widths)),
                "use one mask for all runs",
            )  # fmt: skip
    return {
        name: Region(np.concatenate([r[name].values for r in runs]), coordinates=first.coordinates)
        for name, first in runs[0].items()
    }
