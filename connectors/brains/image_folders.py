"""Folders of images by name, one a subject: volumes (NIfTI), and surfaces (GIFTI, FreeSurfer) of two hemispheres."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.image_rows import Rows, subject_of, table_of
from consilience.connectors.brains.interfaces import Region, Subject
from consilience.connectors.brains.named_readers import Labels, placed_at, reader_of
from consilience.connectors.brains.registry import register
from consilience.connectors.brains.surface_files import Halves, SurfaceReader, halves_of
from consilience.connectors.digests import digests
from consilience.engine.errors import BadInput

SUBJECT = "{subject}"
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
    base: str | Path = ".",
) -> Brains:
    """Each ``<subject>.nii.gz`` (4D) holds a volume a line of ``<subject>.tsv``, or of ``rows.tsv`` for all subjects:
    the column ``sample_id``, and ``run`` where there are several. By itself a volume is a response, such as a beta;
    with `blocks` the mean over the volumes of a block is one. See `Rows` for `rest` and `delay`, and `of_trials` for
    `uneven`.

    Regions are read by `masks`, `atlas` or `spheres`, as those of ``bids:FOLDER``; ``{subject}`` in a path stands for
    the name of the subject. `signals` are arguments of nilearn's masker, such as ``{detrend: true, standardize:
    zscore_sample}``, and are applied within each run.
    """
    rows = Rows(uneven, blocks, tuple(rest), delay)
    root = placed_at(base, folder)
    files = {
        path.name.removesuffix(ending): [path]
        for ending in _NIFTI
        for path in sorted(root.glob(f"*{ending}"))
    }

    def reader(subject: str) -> Any:
        own = None if masks is None else {x: file.replace(SUBJECT, subject) for x, file in masks.items()}
        return reader_of(
            base, own, _own(atlas, subject), labels, spheres, radius, _own(mask, subject), signals
        )

    def read(subject: str) -> Read:
        of = reader(subject)
        return lambda runs: _by_runs(of, runs)(files[subject][0])

    return _folder(root, files, _NIFTI, rows, read, lambda s: reader(s).fingerprint)


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
    base: str | Path = ".",
) -> Brains:
    """Each subject has ``<subject>.lh.func.gii`` and ``.rh.``, or one of them (``hemi-L`` and ``hemi-R`` are the same;
    .gii, .mgh and .mgz are read), of which a map is a line of ``<subject>.tsv`` or ``rows.tsv``, as of
    ``volumes:FOLDER``, which says what `signals`, `blocks`, `rest`, `delay` and `uneven` are.

    `mesh` is fsaverage5, on which the report draws, or a file a hemisphere: ``{left: lh.pial, right: rh.pial}``.
    Regions are `masks`, by name, or the labels of an `atlas`, a file a hemisphere each (GIFTI, .annot, .mgh; of a mask
    .label too); without either the whole cortex is one. Labels are named by `labels`, as for ``bids:FOLDER``, else by
    the atlas, else by their numbers; labels of one name in both hemispheres are one region. ``{subject}`` in a path
    stands for the name of the subject.
    """
    if masks is not None and atlas is not None:
        raise BadInput("one of `masks` and `atlas`, or neither", "both", "leave one out")
    rows = Rows(uneven, blocks, tuple(rest), delay)
    root = placed_at(base, folder)
    files = halves_of(root)

    def reader(subject: str) -> SurfaceReader:
        def own(those: Halves) -> dict[str, Path]:
            return {side: placed_at(base, str(_own(file, subject))) for side, file in those.items()}

        return SurfaceReader(
            mesh if isinstance(mesh, str) else own(mesh),
            None if masks is None else {name: own(those) for name, those in masks.items()},
            None if atlas is None else own(atlas), labels, Path(base), signals or {},
        )  # fmt: skip

    def read(subject: str) -> Read:
        of = reader(subject)
        return lambda runs: _by_runs(of, runs)(files[subject])

    paths = {subject: list(sides.values()) for subject, sides in files.items()}
    return _folder(root, paths, (".lh.func.gii", ".lh.mgh", "…"), rows, read, lambda s: reader(s).fingerprint)


def _own(path: str | None, subject: str) -> str | None:
    return None if path is None else str(path).replace(SUBJECT, subject)


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
    read: Callable[[str], Read],
    read_as: Callable[[str], str],
) -> Brains:
    """The data set; what decides it are the images, their tables, and how regions and rows are made of them."""
    rows.check()
    if not files:
        raise BadInput(
            f"a folder with files {', '.join(endings)}", f"{root}, which has none", "check the path"
        )
    tables = {subject: table_of(root, subject) for subject in files}

    def load(subject: str) -> Subject:
        return subject_of(subject, tables[subject], rows, read(subject))

    every = [path for paths in files.values() for path in paths]
    said = [list(files), digests([*every, *tables.values()]), [read_as(s) for s in files], asdict(rows)]
    return Brains(
        name=root.name, names=list(files), load=load,
        fingerprint=sha256(json.dumps(said).encode()).hexdigest(),
    )  # fmt: skip
