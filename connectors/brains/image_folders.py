"""Folders of images by name, one a subject: volumes (NIfTI), and surfaces (GIFTI, FreeSurfer) of two hemispheres."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.events import repetition_time
from consilience.connectors.brains.files import one_file_each
from consilience.connectors.brains.grids import load
from consilience.connectors.brains.image_rows import Rows, subject_of, table_of
from consilience.connectors.brains.image_times import Times, tables_of
from consilience.connectors.brains.interfaces import Region, Subject
from consilience.connectors.brains.named_readers import Halves, Labels, placed_at, reader_of
from consilience.connectors.brains.registry import register
from consilience.connectors.brains.surface_files import SurfaceReader, halves_of, surface_reader_of
from consilience.connectors.digests import digests
from consilience.engine.errors import BadInput

_NIFTI = (".nii.gz", ".nii")
Read = Callable[[list[str] | None], Mapping[str, Region]]


@register(
    "volumes:FOLDER", "one NIfTI image a subject, a volume a stimulus or a time: masks, atlas or spheres"
)
def volume_folder(
    folder: str,
    *,
    masks: Mapping[str, str] | None = None,
    atlas: str | None = None,
    labels: Labels = None,
    spheres: Mapping[str, Sequence[float]] | None = None,
    radius: float = 8.0,
    mask: str | None = None,
    signals: Mapping[str, Any] | None = None,
    blocks: bool = False,
    rest: Sequence[str] = ("rest",),
    delay: int = 0,
    uneven: str = "refuse",
    tr: float | None = None,
    events: str | None = None,
    stimulus: str = "trial_type",
    confounds: Sequence[str] = (),
    outside: str = "refuse",
    base: str | Path = ".",
) -> Brains:
    """Each ``<subject>.nii.gz`` (4D) holds a volume a line of ``<subject>.tsv``, or of ``rows.tsv`` for all subjects:
    the column ``sample_id``, and ``run`` where there are several. By itself a volume is a response, such as a beta;
    with `blocks` the mean over the volumes of a block is one. See `Rows` for `rest` and `delay`, and `of_trials` for
    `uneven`.

    Regions are read by `masks`, `atlas` or `spheres`, as those of ``bids:FOLDER``; ``{subject}`` in a path stands for
    the name of the subject. `signals` are arguments of nilearn's masker, such as ``{detrend: true, standardize:
    zscore_sample}``, and are applied within each run.

    With `tr` volumes are time points, so many seconds apart within each run: they are not permuted but encoded, and
    features of the stimuli are brought to them with the response, or the delays, that the study names. ``sample_id`` is
    what was shown at a volume, nothing where it is `rest`; or `events`, a file for each subject, has the columns
    ``onset`` and ``duration`` in seconds from the beginning of the run, `stimulus`, and ``run``. `confounds` are
    columns of the table, and become the nuisance space ``confounds``; ``rate`` is that something was shown. See
    `within_scan` for `outside`, and `Clock` for the ids of the rows.
    """
    rows = Rows(uneven, blocks, tuple(rest), delay)
    times = _times(rows, tr, events, stimulus, confounds, outside, base)
    root = placed_at(base, folder)
    files = {
        path.name.removesuffix(ending): [path]
        for ending in _NIFTI
        for path in sorted(root.glob(f"*{ending}"))
    }

    def reader(subject: str) -> Any:
        return reader_of(base, masks, atlas, labels, spheres, radius, mask, signals, subject)

    def read(subject: str) -> Read:
        of = reader(subject)
        if times is not None:
            repetition_time(load(files[subject][0]), times.tr)
        return lambda runs: _by_runs(of, runs)(files[subject][0])

    return _folder(root, files, _NIFTI, rows, times, read, lambda s: reader(s).fingerprint)


@register(
    "surfaces:FOLDER", "one image a subject and hemisphere (GIFTI, FreeSurfer), a map a stimulus or a time"
)
def surface_folder(
    folder: str,
    *,
    mesh: str | Halves = "fsaverage5",
    masks: Mapping[str, Halves] | None = None,
    atlas: Halves | None = None,
    labels: Labels = None,
    signals: Mapping[str, Any] | None = None,
    blocks: bool = False,
    rest: Sequence[str] = ("rest",),
    delay: int = 0,
    uneven: str = "refuse",
    tr: float | None = None,
    events: str | None = None,
    stimulus: str = "trial_type",
    confounds: Sequence[str] = (),
    outside: str = "refuse",
    base: str | Path = ".",
) -> Brains:
    """Each subject has ``<subject>.lh.func.gii`` and ``.rh.``, or one of them (``hemi-L`` and ``hemi-R`` are the same;
    .gii, .mgh and .mgz are read), of which a map is a line of ``<subject>.tsv`` or ``rows.tsv``, as of
    ``volumes:FOLDER``, which says what `signals`, `blocks`, `rest`, `delay` and `uneven` are, and `tr`, `events`,
    `stimulus`, `confounds` and `outside`.

    `mesh` is fsaverage5, on which the report draws, or a file a hemisphere: ``{left: lh.pial, right: rh.pial}``.
    Regions are `masks`, by name, or the labels of an `atlas`, a file a hemisphere each (GIFTI, .annot, .mgh; of a mask
    .label too); without either the whole cortex is one. Labels are named by `labels`, as for ``bids:FOLDER``, else by
    the atlas, else by their numbers; labels of one name in both hemispheres are one region. ``{subject}`` in a path
    stands for the name of the subject.
    """
    rows = Rows(uneven, blocks, tuple(rest), delay)
    times = _times(rows, tr, events, stimulus, confounds, outside, base)
    root = placed_at(base, folder)
    files = halves_of(root)

    def reader(subject: str) -> SurfaceReader:
        return surface_reader_of(base, mesh, masks, atlas, labels, signals, subject)

    def read(subject: str) -> Read:
        of = reader(subject)
        return lambda runs: _by_runs(of, runs)(files[subject])

    paths = {subject: list(sides.values()) for subject, sides in files.items()}
    return _folder(
        root, paths, (".lh.func.gii", ".lh.mgh", "…"), rows, times, read, lambda s: reader(s).fingerprint
    )


def _by_runs(reader: Any, runs: list[str] | None) -> Any:
    """The reader, whose signals, if any are asked for, are treated within each run."""
    if not reader.signals or runs is None:
        return reader
    return replace(reader, signals={**reader.signals, "runs": runs})


def _folder(
    root: Path,
    files: Mapping[str, Sequence[Path]],
    endings: Sequence[str],
    rows: Rows,
    times: Times | None,
    read: Callable[[str], Read],
    read_as: Callable[[str], str],
) -> Brains:
    """The data set; what decides it are the images, their tables, and how regions and rows are made of them."""
    rows.check()
    if not files:
        raise BadInput(
            f"a folder with files {', '.join(endings)}", f"{root}, which has none", "check the path"
        )
    one_file_each(
        list(files), "join runs in time (nilearn.image.concat_imgs) and tell them apart by the column run"
    )
    tables = {subject: table_of(root, subject) for subject in files}
    every = [*(path for paths in files.values() for path in paths), *tables.values()]
    more: dict[str, Any] = {}
    if times is not None:
        every += [path for subject in files if (path := times.events_of(subject)) is not None]
        told = tables_of(tables, times)
        clock = told.clock()
        more = {
            "on_rows": clock.on_rows, "stimulus_ids": clock.stimulus_ids, "own_rows": not clock.alike,
            "notes": {"tr": clock.tr},
        }  # fmt: skip

    def load(subject: str) -> Subject:
        if times is not None:
            return told.subject(subject, read(subject), clock)
        return subject_of(subject, tables[subject], rows, read(subject))

    over = None if times is None else {**asdict(times), "base": ""}
    said = [list(files), digests(every), [read_as(s) for s in files], asdict(rows), over]
    return Brains(
        name=root.name, names=list(files), load=load,
        fingerprint=sha256(json.dumps(said).encode()).hexdigest(), **more,
    )  # fmt: skip


def _times(
    rows: Rows,
    tr: float | None,
    events: str | None,
    stimulus: str,
    confounds: Sequence[str],
    outside: str,
    base: str | Path,
) -> Times | None:
    """How volumes are time points, which they are with `tr`; BadInput for what only they have, or do not have."""
    over_time = {"events": events, "confounds": confounds}
    if tr is None:
        for name in (name for name, value in over_time.items() if value):
            raise BadInput(f"`tr` with `{name}`, for volumes over time", "none", "add it, in seconds")
        return None
    if rows.blocks or rows.uneven != "refuse":
        wrong = "blocks" if rows.blocks else "uneven"
        raise BadInput(
            f"no `{wrong}` with `tr`", f"tr={tr:g}", "leave one out: over time every volume is a row"
        )
    return Times(tr, events, stimulus, rows.rest, tuple(confounds), outside, base)
