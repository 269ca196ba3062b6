"""Imaging data by name, so that a study can say what of them is read: BIDS derivatives, and epochs of M/EEG."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from consilience.connectors.brains.bids import of_bids
from consilience.connectors.brains.bids_files import Entities
from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.epochs import Windows, held_in, of_epochs
from consilience.connectors.brains.files import subject_files
from consilience.connectors.brains.interfaces import Excluded, Subject
from consilience.connectors.brains.named_readers import SUBJECT, Halves, Labels, placed_at, reader_of
from consilience.connectors.brains.readers import PerSubject
from consilience.connectors.brains.registry import register
from consilience.connectors.brains.surface_files import surface_reader_of
from consilience.engine.errors import BadInput

_EPOCHS = ("-epo.fif", "_epo.fif")


@register(
    "bids:FOLDER",
    "a BIDS data set with derivatives, volumes or surfaces, a trial an event, or over time a row a volume",
)
def bids_folder(
    folder: str,
    *,
    task: str,
    masks: Mapping[str, str | Halves] | None = None,
    atlas: str | Halves | None = None,
    labels: Labels = None,
    spheres: Mapping[str, Sequence[float]] | None = None,
    radius: float = 8.0,
    mask: str | None = None,
    mesh: str | Halves | None = None,
    signals: Mapping[str, Any] | None = None,
    space: str | None = None,
    entities: Entities | None = None,
    derivatives: str = "derivatives",
    stimulus: str = "trial_type",
    rest: Sequence[str] = (),
    confounds: Sequence[str] = (),
    tr: float | None = None,
    outside: str = "refuse",
    uneven: str = "refuse",
    over_time: bool = False,
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
    are arguments of nilearn's masker. Relative paths start at `base`; ``{subject}`` in one stands for the subject,
    ``sub-01``. For the rest see `of_bids` and `trial_betas`.

    With `mesh` the images of both hemispheres are read (``hemi-L`` … ``_bold.func.gii``), on fsaverage5, or on the mesh
    of a file a hemisphere, ``{left: FILE, right: FILE}``; masks and atlas are a file a hemisphere too, and without
    either the whole cortex is one region: as for ``surfaces:FOLDER``.
    """
    glm: dict[str, Any] = {"how": how, "hrf": hrf, "drift": drift, "high_pass": high_pass, "noise": noise}
    usual = {"how": "lsa", "hrf": "spm", "drift": "cosine", "high_pass": 0.01, "noise": "ols"}
    if over_time:  # what was asked for is refused, and not forgotten
        glm = {name: value for name, value in glm.items() if value != usual[name]}

    if mesh is not None and (spheres is not None or mask is not None):
        raise BadInput("`masks` or an `atlas` with `mesh`", "`spheres` or `mask`", "leave these to volumes")

    def reader(subject: str) -> Any:
        if mesh is not None:
            return surface_reader_of(base, mesh, masks, atlas, labels, signals, subject)
        return reader_of(base, masks, atlas, labels, spheres, radius, mask, signals, subject)

    given = json.dumps([masks, atlas, mask, mesh], default=str)
    return of_bids(
        placed_at(base, folder), PerSubject(reader) if SUBJECT in given else reader(""), task=task, space=space,
        entities=entities, derivatives=derivatives, surface=mesh is not None, stimulus=stimulus, rest=rest,
        confounds=confounds, tr=tr, outside=outside, uneven=uneven, over_time=over_time, licence=licence,
        citation=citation, **glm,
    )  # fmt: skip


@register(
    "epochs:FOLDER", "one -epo.fif of M/EEG a subject; a region a window of time, such as windows: 0.05"
)
def epoch_folder(
    folder: str,
    *,
    windows: Windows,
    mean: bool = False,
    sensors: str | None = None,
    uneven: str = "refuse",
    base: str | Path = ".",
) -> Brains:
    """Each ``<subject>-epo.fif``, or ``_epo.fif``, holds the epochs of a subject; see `of_epochs` for `windows`
    (seconds) and `mean`, `held_in` for `sensors`, and `of_trials` for `uneven`. Raises NotInstalled, when a subject is
    read, without mne."""
    at = placed_at(base, folder)
    found = sorted(path for path in at.glob("*.fif") if path.name.endswith(_EPOCHS))
    files: dict[str, Path] = {}
    for path in found:
        before = files.setdefault(_subject_of(path), path)
        if before != path:
            raise BadInput(f"one file of {_subject_of(path)}", f"{before.name} and {path.name}", "remove one")

    def load_subject(path: Path) -> Subject:
        name, held = _subject_of(path), held_in(path, sensors)
        subject = of_epochs(name, held.values, held.shown, held.times, windows, mean=mean, uneven=uneven)
        lost = tuple(Excluded(name, what, why, count) for what, why, count in held.left_out)
        return replace(subject, excluded=(*lost, *subject.excluded))

    options = {"windows": windows, "mean": mean, "uneven": uneven, "sensors": sensors}
    return subject_files(str(at), files, _EPOCHS, load_subject, options)


def _subject_of(path: Path) -> str:
    return path.name[: -len(_EPOCHS[0])]
