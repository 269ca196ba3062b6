"""Folders of a user's own files, one a subject: arrays (.npz) of responses, or dissimilarity matrices."""

from collections.abc import Callable
from hashlib import sha256 as sha
from pathlib import Path

import numpy as np

from consilience.connectors.brains.arrays import of_trials
from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.interfaces import Region, Subject
from consilience.connectors.brains.rdms import ENDINGS, read_rdm
from consilience.connectors.brains.registry import register
from consilience.connectors.files import sha256
from consilience.engine.errors import BadInput

_IDS = "sample_id"


@register("arrays:FOLDER", "one .npz a subject: sample_id, and per region responses (rows, units)")
def array_folder(folder: str) -> Brains:
    """Each ``<subject>.npz`` holds ``sample_id`` (rows,) and one array (rows, units) a region. An id that comes several
    times is a stimulus that was repeated (see `of_trials`)."""

    def load(path: Path) -> Subject:
        with np.load(path, allow_pickle=False) as held:
            if _IDS not in held.files:
                raise BadInput(
                    f"{_IDS!r} in {path}", ", ".join(held.files) or "nothing", "store one id a row"
                )
            regions = {name: held[name] for name in held.files if name != _IDS}
            return of_trials(path.stem, held[_IDS].tolist(), regions)

    return _folder(folder, (".npz",), load)


@register("rdms:FOLDER", "one RDM file a subject (.npy, .npz, .mat, .csv), and sample_ids.txt, one id a line")
def rdm_folder(folder: str) -> Brains:
    """Each file holds the matrix of one subject, or those of repeats (see `read_rdm`), of a region ``rdm``; the ids of
    the rows stand in ``sample_ids.txt``, or are numbers from 1."""

    def load(path: Path) -> Subject:
        region = read_rdm(path)
        repeats = tuple(f"repeat{k}" for k in range(1, region.repeats + 1)) if region.repeats > 1 else ()
        if region.repeats == 1:
            region = Region(region.values.reshape(region.n, region.n), "rdm")
        listed = path.with_name("sample_ids.txt")
        ids = listed.read_text(encoding="utf-8").split("\n") if listed.is_file() else []
        ids = [i.strip() for i in ids if i.strip()] or [str(k) for k in range(1, region.n + 1)]
        return Subject(path.stem, ids, {"rdm": region}, repeats)

    return _folder(folder, ENDINGS, load)


def _folder(folder: str, endings: tuple[str, ...], load: Callable[[Path], Subject]) -> Brains:
    path = Path(folder).expanduser().absolute()
    files = {x.stem: x for x in sorted(path.glob("*")) if x.suffix in endings}
    if not files:
        raise BadInput(
            f"a folder with files {', '.join(endings)}", f"{path}, which has none", "check the path"
        )
    listed = sorted(path.glob("sample_ids.txt"))
    names = sha("\n".join(files).encode()).hexdigest()
    return Brains(
        name=path.name,
        names=list(files),
        load=lambda name: load(files[name]),
        fingerprint=sha(f"{names} {sha256([*files.values(), *listed])}".encode()).hexdigest(),
    )
