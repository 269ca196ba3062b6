"""Faces, houses and six other categories in ventral temporal cortex (Haxby et al. 2001): the whole set, and a slice."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from consilience.connectors.brains.arrays import of_trials
from consilience.connectors.brains.blocks import block_means
from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.grids import EmptyMask
from consilience.connectors.brains.interfaces import Excluded, Region, Subject
from consilience.connectors.brains.registry import register
from consilience.connectors.brains.volumes import in_mask
from consilience.connectors.datasets import haxby as data
from consilience.connectors.datasets.fetching import NotFetched, announce
from consilience.connectors.digests import digests
from consilience.engine.cache import cache_folder

_URL = "http://data.pymvpa.org/datasets/haxby2001/"
_SUBJECTS = 6
_MASKS = {"VT": "mask_vt", "face": "mask_face", "house": "mask_house"}
_READ = ("bold.nii.gz", "labels.txt", "mask4_vt.nii.gz", "mask8b_face_vt.nii.gz", "mask8b_house_vt.nii.gz")
_FETCHED = "as-fetched.json"  # what the files were when they were unpacked


@register("haxby_slice", "8 categories x 12 runs, one slice of one subject: means of blocks")
def haxby_slice() -> Brains:
    """Subject ``sub001``, region ``slice`` (530 voxels); rows are the categories, repeats the runs ``run01`` to
    ``run12``. Voxels are detrended and standardised within each run, and averaged over each block of nine volumes, as
    they are labelled by the publisher, without a further delay."""
    return Brains(
        name=data.DATA.name,
        names=("sub001",),
        load=_slice,
        fingerprint=data.DATA.fingerprint,
        cached=data.DATA.cached,
        licence=data.DATA.licence,
        citation=data.DATA.citation,
        url=data.DATA.url,
        notes={"tr": data.TR},
    )


@register("haxby", "8 categories x 12 runs, six subjects, ventral temporal, face and house regions (2 GB)")
def haxby() -> Brains:
    """Regions ``VT``, ``face`` and ``house`` of subjects ``subj1`` to ``subj6``, fetched by nilearn; else as
    `haxby_slice`. A run without labels (run 8 of subj5) is left out; so are masks without a voxel."""
    return Brains(
        name="haxby",
        names=tuple(f"subj{k}" for k in range(1, _SUBJECTS + 1)),
        load=lambda name: of_fetched(name, cache_folder() / "datasets" / "haxby"),
        cached=lambda: len(_scans(cache_folder() / "datasets" / "haxby")) == _SUBJECTS,
        fingerprint=fingerprint_of_fetched(cache_folder() / "datasets" / "haxby"),
        licence=data.LICENCE,
        citation=data.CITATION,
        url=_URL,
        notes={"tr": data.TR},
    )


def of_fetched(name: str, folder: Path) -> Subject:
    """Subject ``subj<k>`` of the set that nilearn keeps in `folder`, which it fetches there when it is not."""
    from nilearn.datasets import fetch_haxby

    new = not _scans(folder, name)
    if not _scans(folder):
        announce("haxby", _URL, data.LICENCE, data.CITATION)
    try:
        fetched = fetch_haxby(data_dir=folder, subjects=[int(name.removeprefix("subj"))], verbose=0)
    except (OSError, RuntimeError) as error:  # RuntimeError: what nilearn makes of some answers of a server
        raise NotFetched(
            f"the files of haxby, from {_URL}",
            f"{type(error).__name__}: {error}",
            "connect to the network once",
        ) from error
    if new:
        remember_fetched(folder, name)
    masks = {region: fetched[mask][0] for region, mask in _MASKS.items()}
    return _subject(name, fetched.func[0], masks, data.labelled(Path(fetched.session_target[0])))


def fingerprint_of_fetched(folder: Path) -> str:
    """Of the archives, which nilearn holds to the checksums of their publisher when it fetches them, as long as the
    files are what came of them; else of the files too. Nothing is fetched for it."""
    changed = {}
    for scan in sorted(_scans(folder)):
        name, record = scan.parent.name, scan.with_name(_FETCHED)
        found = _contents(folder, name)
        if not record.is_file() or json.loads(record.read_text()) != found:
            changed[name] = found
    said = f"{_URL} subj*-2010.01.14.tar.gz" + (json.dumps(changed) if changed else "")
    return sha256(said.encode()).hexdigest()


def remember_fetched(folder: Path, name: str) -> None:
    """Keep what the files of a subject were when they had just been unpacked."""
    (_home(folder, name) / _FETCHED).write_text(json.dumps(_contents(folder, name)))


def _contents(folder: Path, name: str) -> dict[str, str]:
    """File -> digest, of everything that is read of a subject."""
    files = sorted(x for x in _home(folder, name).glob("*") if x.name in _READ)
    return dict(zip((x.name for x in files), digests(files)))


def _home(folder: Path, name: str) -> Path:
    return folder / "haxby2001" / name


def _scans(folder: Path, name: str = "subj*") -> list[Path]:
    return list(folder.glob(f"haxby2001/{name}/bold.nii.gz"))


def _slice(name: str) -> Subject:
    masks = {"slice": data.DATA.path("mask.nii.gz")}
    return _subject(name, data.DATA.path("bold.nii.gz"), masks, data.volumes())


def _subject(name: str, bold: Any, masks: dict[str, Any], scan: data.Volumes) -> Subject:
    """Means of blocks, in volumes that are detrended and standardised within each run."""
    runs = [f"run{run:02d}" for run in scan.run]
    regions: dict[str, Region] = {}
    shown: list[str] = []
    which: list[str] = []
    lost: list[Excluded] = []
    for region, mask in masks.items():
        try:
            found = in_mask(bold, mask, detrend=True, standardize="zscore_sample", runs=scan.run)
        except EmptyMask as empty:
            lost.append(Excluded(name, f"region ({region})", empty.got))
            continue
        # A voxel that is constant in a run comes out as zeros in it; one that is so in all runs is taken out later.
        shown, which, means = block_means(found.values, scan.shown, runs, rest=(data.REST,))
        regions[region] = replace(found, values=means)
    subject = of_trials(name, shown, regions, runs=which)
    silent = sorted(set(runs) - set(which))
    lost += [Excluded(name, f"run ({run})", "it has no labels") for run in silent]
    return replace(subject, excluded=(*lost, *subject.excluded))
