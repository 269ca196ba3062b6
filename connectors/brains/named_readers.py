"""Readers of volumes as a study names them: files of masks, an atlas with its labels, or points in mm."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from consilience.connectors.brains.grids import load, whole_numbers
from consilience.connectors.brains.readers import Atlas, Masks, Spheres
from consilience.engine.errors import BadInput

SUBJECT = "{subject}"
Halves = Mapping[str, str]  # a file a hemisphere
Labels = str | Mapping[int, str] | Sequence[str] | None


def reader_of(
    base: str | Path,
    masks: Mapping[str, str | Halves] | None,
    atlas: str | Halves | None,
    labels: Labels,
    spheres: Mapping[str, Sequence[float]] | None,
    radius: float,
    mask: str | None,
    signals: Mapping[str, Any] | None,
    subject: str = "",
) -> Masks | Atlas | Spheres:
    """The reader of one of `masks` (name -> file), `atlas` (a file, with `labels`) and `spheres` (name -> point in mm,
    with `radius`), the last two within `mask` if it is given; relative paths start at `base`, and ``{subject}`` in one
    stands for `subject`.

    Raises BadInput where not exactly one of the three is named, and for labels that cannot be read.
    """
    given = [x for x in (masks, atlas, spheres) if x is not None]
    if len(given) != 1:
        raise BadInput(
            "one of `masks`, `atlas` and `spheres`", f"{len(given) or 'none'} of them",
            "say how regions are read, as in `atlas: atlas.nii.gz`",
        )  # fmt: skip

    def at(file: str | Halves) -> Path:
        if isinstance(file, str):
            return placed_at(base, file, subject=subject)
        raise BadInput(
            "one file for each mask or atlas of volumes",
            str(dict(file)),
            "add `mesh: fsaverage5` to read surfaces",
        )

    within, more = None if mask is None else at(mask), signals or {}
    if masks is not None:
        return Masks({str(name): at(file) for name, file in masks.items()}, more)
    if atlas is not None:
        named = labels_named(labels, base)
        if named is None:
            found = np.unique(whole_numbers(load(at(atlas))))
            named = {int(label): str(label) for label in found if label != 0}
        return Atlas(at(atlas), named, within, more)
    return Spheres({str(name): point for name, point in (spheres or {}).items()}, radius, within, more)


def placed_at(base: str | Path, path: str | Path, *, subject: str = "") -> Path:
    """A path that starts at `base` where it is relative, with the name of the `subject` where that is left open."""
    if subject:
        path = str(path).replace(SUBJECT, subject)
    return (Path(base).expanduser() / Path(path).expanduser()).absolute()


def labels_named(given: Labels, base: str | Path) -> Mapping[int, str] | Sequence[str] | None:
    """The name of each label, or the names of 1, 2, …: as given, or from a file of such a list, a name a line, or of a
    table (.tsv) with the columns ``index`` and ``name``. None where nothing was given."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        return {int(label): str(name) for label, name in given.items()}
    if not isinstance(given, str):
        return [str(name) for name in given]
    file = placed_at(base, given)
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
