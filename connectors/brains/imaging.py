"""Imaging data by name, so that a study can say what of them is read: BIDS derivatives, and epochs of M/EEG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from consilience.connectors.brains.bids import of_bids
from consilience.connectors.brains.bids_files import Entities
from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.epochs import Windows, of_epochs, read_epochs
from consilience.connectors.brains.files import subject_files
from consilience.connectors.brains.interfaces import Subject
from consilience.connectors.brains.named_readers import Labels, placed_at, reader_of
from consilience.connectors.brains.registry import register

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
    reader = reader_of(base, masks, atlas, labels, spheres, radius, mask, signals)
    return of_bids(
        placed_at(base, folder), reader, task=task, space=space, entities=entities, derivatives=derivatives,
        confounds=confounds, tr=tr, outside=outside, uneven=uneven, licence=licence, citation=citation, how=how,
        hrf=hrf, drift=drift, high_pass=high_pass, noise=noise,
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
