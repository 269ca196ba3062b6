"""Imaging data by name, so that a study can say what of them is read: BIDS derivatives, and epochs of M/EEG."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from consilience.connectors.brains.bids import of_bids
from consilience.connectors.brains.bids_files import Entities
from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.epochs import Windows, of_epochs, read_epochs
from consilience.connectors.brains.files import subject_files
from consilience.connectors.brains.grids import load, whole_numbers
from consilience.connectors.brains.interfaces import Subject
from consilience.connectors.brains.readers import Atlas, Masks, Reader, Spheres
from consilience.connectors.brains.registry import register
from consilience.engine.errors import BadInput

Labels = str | Mapping[int, str] | Sequence[str] | None
_EPOCHS = "-epo.fif"


@register(
    "bids:FOLDER", "a BIDS data set with derivatives, a trial an event: task, and masks, an atlas or spheres"
)
def bids_folder(
    folder: str,
    *,
    task: str,
    masks: Mapping[str, str] | None = None,
    atlas: str | None = None,
    labels: Labels = None,
    spheres: Mapping[str, Sequence[float]] | None = None,
    radius: float = 8.0,
    mask: str | None = None,
    signals: Mapping[str, Any] | None = None,
    space: str | None = None,
    entities: Entities | None = None,
    derivatives: str = "derivatives",
    confounds: Sequence[str] = (),
    tr: float | None = None,
    outside: str = "refuse",
    uneven: str = "refuse",
    how: str = "lsa",
    hrf: str = "spm",
    drift: str | None = "cosine",
    high_pass: float = 0.01,
    noise: str = "ols",
    licence: str = "not stated",
    citation: str = "not stated",
    base: str | Path = ".",
) -> Brains:
    """The subjects of a BIDS data set, whose regions are read by one of `masks` (name -> file), `atlas` (a file, with
    `labels`) and `spheres` (name -> point in mm, with `radius`), the last two within `mask` if it is given.

    `labels` names the labels of the atlas: a mapping, a list of the names of 1, 2, …, or a file of such a list, a name
    a line, or a table (.tsv) with the columns ``index`` and ``name``; by themselves they go by their numbers. `signals`
    are arguments of nilearn's masker. Relative paths start at `base`. For the rest see `of_bids` and `trial_betas`.
    """
    given = [x for x in (masks, atlas, spheres) if x is not None]
    if len(given) != 1:
        raise BadInput(
            "one of `masks`, `atlas` and `spheres`", f"{len(given) or 'none'} of them",
            "say how regions are read, as in `atlas: atlas.nii.gz`",
        )  # fmt: skip
    at = partial(_file, Path(base).expanduser())
    within, more = None if mask is None else at(mask), signals or {}
    reader: Reader
    if masks is not None:
        reader = Masks({str(name): at(file) for name, file in masks.items()}, more)
    elif atlas is not None:
        reader = Atlas(at(atlas), _labels(labels, at(atlas), at), within, more)
    else:
        reader = Spheres({str(name): point for name, point in (spheres or {}).items()}, radius, within, more)
    return of_bids(
        at(folder), reader, task=task, space=space, entities=entities, derivatives=derivatives, confounds=confounds,
        tr=tr, outside=outside, uneven=uneven, licence=licence, citation=citation, how=how, hrf=hrf, drift=drift,
        high_pass=high_pass, noise=noise,
    )  # fmt: skip


@register(
    "epochs:FOLDER", "one -epo.fif of M/EEG a subject; a region a window of time, such as windows: 0.05"
)
def epoch_folder(folder: str, *, windows: Windows, mean: bool = False, uneven: str = "refuse") -> Brains:
    """Each ``<subject>-epo.fif`` holds the epochs of a subject; see `of_epochs` for `windows` (seconds) and `mean`, and
    `of_trials` for `uneven`. Raises NotInstalled, when a subject is read, without mne."""
    files = {x.name.removesuffix(_EPOCHS): x for x in sorted(Path(folder).expanduser().glob(f"*{_EPOCHS}"))}

    def load_subject(path: Path) -> Subject:
        name = path.name.removesuffix(_EPOCHS)
        return of_epochs(name, *read_epochs(path), windows, mean=mean, uneven=uneven)

    options = {"windows": windows, "mean": mean, "uneven": uneven}
    return subject_files(folder, files, (_EPOCHS,), load_subject, options)


def _file(base: Path, path: str | Path) -> Path:
    return (base / Path(path).expanduser()).absolute()


def _labels(given: Labels, atlas: Path, at: Any) -> Mapping[int, str] | Sequence[str]:
    if given is None:
        found = np.unique(whole_numbers(load(atlas)))
        return {int(label): str(label) for label in found if label != 0}
    if isinstance(given, Mapping):
        return {int(label): str(name) for label, name in given.items()}
    if not isinstance(given, str):
        return [str(name) for name in given]
    file = at(given)
    if not file.is_file():
        raise BadInput("a file of the names of labels", f"{file}, which is not a file", "check the path")
    if file.suffix != ".tsv":
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    import pandas as pd

    table = pd.read_csv(file, sep="\t")
    if absent := [column for column in ("index", "name") if column not in table.columns]:
        raise BadInput(
            f"the columns index and name in {file.name}",
            f"no {' and no '.join(absent)}",
            "rename its columns",
        )
    return dict(zip(table["index"].astype(int), table["name"].astype(str)))
