"""Folders of a user's own files, one a subject: arrays (.npz) of responses, or dissimilarity matrices."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from consilience.connectors.brains.arrays import of_trials
from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.hrf import to_volumes
from consilience.connectors.brains.interfaces import Region, Subject
from consilience.connectors.brains.rdms import ENDINGS, read_rdm
from consilience.connectors.brains.registry import register
from consilience.connectors.digests import digests
from consilience.engine.errors import BadInput, unknown

_IDS, _RUN = "sample_id", "run"
_PART = re.compile(r"(?:^|_)(?:ses|run)-[^_]+")


@register(
    "arrays:FOLDER", "one .npz a subject: sample_id, and per region responses (rows, units); runs, nuisance"
)
def array_folder(folder: str, *, uneven: str = "refuse", tr: float | None = None) -> Brains:
    """Each ``<subject>.npz`` holds ``sample_id`` (rows,) and one array (rows, units) a region. An id that comes several
    times is a stimulus that was repeated (see `of_trials` for that, and for `uneven`).

    It may hold, too, ``run`` (rows,), which names repeats and keeps the rows of a run together in folds;
    ``nuisance/<space>`` (rows, columns), where every id comes once; and ``coordinates/<region>`` (units, 3) in mm.

    With `tr` rows are time points, so many seconds apart within each run, in the order of time: they are not permuted
    but encoded, drifts are taken out, and features, which come under the same ids, are convolved with the response that
    the study names.
    """
    if tr is not None and not tr > 0:
        raise BadInput(
            "a repetition time in seconds", f"tr={tr}", "leave it out where rows are no time points"
        )
    path = Path(folder).expanduser().absolute()
    files = {x.stem: x for x in sorted(path.glob("*.npz"))}
    load = partial(_subject, uneven=uneven, over_time=tr is not None)
    found = subject_files(folder, files, (".npz",), load, {"uneven": uneven, "tr": tr})
    if tr is None:
        return found
    first = load(next(iter(files.values())))
    return replace(
        found, stimulus_ids=list(first.sample_ids), on_rows=_on_clock(first, tr), notes={"tr": float(tr)}
    )


def _subject(path: Path, uneven: str, over_time: bool) -> Subject:
    with np.load(path, allow_pickle=False) as held:
        if _IDS not in held.files:
            raise BadInput(f"{_IDS!r} in {path}", ", ".join(held.files) or "nothing", "store one id a row")
        arrays = {name: held[name] for name in held.files}
    ids = [str(i) for i in arrays.pop(_IDS).tolist()]
    runs = None
    if _RUN in arrays and arrays[_RUN].ndim == 1:
        runs = [str(x) for x in arrays.pop(_RUN).tolist()]
    spaces, places = (_prefixed(arrays, kind) for kind in ("nuisance/", "coordinates/"))
    for region in places:
        if region not in arrays:
            raise unknown(f"region of {path.name}, of which there are coordinates", region, arrays)
    regions = {name: Region(values, coordinates=places.get(name)) for name, values in arrays.items()}
    once = len(set(ids)) == len(ids)
    if not once and (spaces or over_time):
        what = "nuisance spaces" if spaces else "rows that are time points"
        raise BadInput(
            f"each sample_id once in {path.name}, for {what}", f"{len(ids) - len(set(ids))} repeats",
            "average the repeats, or give each row an id of its own",
        )  # fmt: skip
    more = {"groups": runs, "nuisance": spaces} if once else {}
    return of_trials(path.stem, ids, regions, runs=runs, uneven=uneven, **more)


def _prefixed(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Those arrays whose names begin so, by the rest of them, taken out of `arrays`."""
    return {name.removeprefix(prefix): arrays.pop(name) for name in list(arrays) if name.startswith(prefix)}


def _on_clock(of: Subject, tr: float) -> Callable[[np.ndarray, str | None], tuple[list[str], np.ndarray]]:
    ids, runs = (
        list(of.sample_ids),
        np.array(of.groups if of.groups is not None else ["run"] * len(of.sample_ids)),
    )

    def on_rows(features: np.ndarray, hrf: str | None) -> tuple[list[str], np.ndarray]:
        found = np.array(features, np.float64)
        for run in dict.fromkeys(runs) if hrf is not None else ():
            rows = np.flatnonzero(runs == run)
            found[rows] = to_volumes(
                found[rows], (tr * np.arange(len(rows))).tolist(), len(rows), tr, hrf=hrf
            )
        return ids, found

    return on_rows


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

    path = Path(folder).expanduser().absolute()
    files = {x.stem: x for x in sorted(path.glob("*")) if x.suffix in ENDINGS}
    return subject_files(folder, files, ENDINGS, load, {}, sorted(path.glob("sample_ids.txt")))


def one_file_each(names: Sequence[str], fix: str) -> None:
    """BadInput where names of subjects differ in a session or a run alone (``s1_run-1``, ``s1_run-2``): as subjects
    these would be counted several times."""
    people: dict[str, str] = {}
    for name in names:
        before = people.setdefault(_PART.sub("", name), name)
        if before != name:
            raise BadInput("one file a subject", f"{before} and {name}", fix)


def subject_files(
    folder: str,
    files: Mapping[str, Path],
    endings: Sequence[str],
    load: Callable[[Path], Subject],
    options: Mapping[str, Any],
    beside: Sequence[Path] = (),
) -> Brains:
    """A data set of `files`, one a subject, which `load` reads; `options`, and files `beside` them, decide it too."""
    path = Path(folder).expanduser().absolute()
    if not files:
        raise BadInput(
            f"a folder with files {', '.join(endings)}", f"{path}, which has none", "check the path"
        )
    one_file_each(list(files), "put the runs of a subject into one file")
    said = json.dumps([list(files), digests([*files.values(), *beside]), options])
    return Brains(
        name=path.name,
        names=list(files),
        load=lambda name: load(files[name]),
        fingerprint=sha256(said.encode()).hexdigest(),
    )
