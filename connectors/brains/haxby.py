"""Faces, houses and six other categories in ventral temporal cortex (Haxby et al. 2001): the whole set, and one slice."""

from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np

from consilience.connectors.brains.arrays import of_trials
from consilience.connectors.brains.blocks import block_means
from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.interfaces import Region, Subject
from consilience.connectors.brains.registry import register
from consilience.connectors.brains.volumes import in_mask
from consilience.connectors.datasets import haxby as data
from consilience.connectors.files import cache_folder
from consilience.engine.errors import BadInput, unknown

_DELAY = 2  # volumes, 5 s: about when the response to a block reaches its height
_MASKS = {"VT": "mask_vt", "face": "mask_face", "house": "mask_house"}


@register("haxby_slice", "8 categories x 12 runs, one slice of one subject: means of blocks")
def haxby_slice() -> Brains:
    """Subject ``sub001``, region ``slice`` (530 voxels); rows are the categories, repeats the runs ``run01`` to
    ``run12``. Voxels are detrended and standardised within each run, and averaged over each block."""
    return Brains(
        name=data.DATA.name,
        names=("sub001",),
        load=_slice,
        fingerprint=data.DATA.fingerprint,
        licence=data.DATA.licence,
        citation=data.DATA.citation,
        url=data.DATA.url,
        notes={"tr": data.TR},
    )


@register("haxby", "8 categories x 12 runs, six subjects, ventral temporal, face and house regions (2 GB)")
def haxby() -> Brains:
    """Regions ``VT``, ``face`` and ``house`` of subjects ``subj1`` to ``subj6``, fetched by nilearn; else as
    `haxby_slice`. A run without labels (run 8 of subj5) is left out; so are masks without a voxel."""
    url = "http://data.pymvpa.org/datasets/haxby2001/"
    return Brains(
        name="haxby",
        names=tuple(f"subj{k}" for k in range(1, 7)),
        load=_whole,
        # nilearn holds the files to the checksums that their publisher gives.
        fingerprint=sha256(f"{url} subj*-2010.01.14.tar.gz".encode()).hexdigest(),
        licence=data.LICENCE,
        citation=data.CITATION,
        url=url,
        notes={"tr": data.TR},
    )


def _slice(name: str) -> Subject:
    scan = data.volumes()
    files = {"slice": data.DATA.path("mask.nii.gz")}
    return _subject(name, data.DATA.path("bold.nii.gz"), files, scan)


def _whole(name: str) -> Subject:
    return of_fetched(name, cache_folder() / "datasets" / "haxby")
