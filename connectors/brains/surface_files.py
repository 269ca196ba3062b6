"""Files of cortical surfaces, one a hemisphere: images, meshes, masks and atlases, of GIFTI or FreeSurfer."""

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from consilience.connectors.brains.interfaces import Region
from consilience.connectors.brains.named_readers import Halves, Labels, labels_named, placed_at
from consilience.connectors.brains.surfaces import in_surface_atlas, on_surface
from consilience.connectors.digests import digests
from consilience.engine.errors import BadInput, unknown

SIDES = ("left", "right")
WHOLE = "cortex"  # the region where neither masks nor an atlas are named
OPENED: dict[str, Any] = {".mgh": open, ".mgz": gzip.open}
_FILE = re.compile(r"(?P<name>.+?)\.(func\.gii|shape\.gii|gii|mgh|mgz)")
_SIDE = re.compile(r"(?:^|[._])(?:hemi-(?P<bids>[LR])|(?P<free>[lr])h)(?=[._]|$)")


def halves_of(folder: Path) -> dict[str, dict[str, Path]]:
    """Subject -> hemisphere -> the file of its maps. A name says which it is (``lh``, ``rh``, ``hemi-L``, ``hemi-R``),
    and without that and the ending it is the subject's. BadInput where two files are of the same."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob("*")):
        kind = _FILE.fullmatch(path.name)
        side = _SIDE.search(kind["name"]) if kind else None
        if kind is None or side is None:
            continue
        subject = (kind["name"][: side.start()] + kind["name"][side.end() :]).strip("._")
        which = SIDES["LR".index((side["bids"] or side["free"]).upper())]
        before = found.setdefault(subject, {}).setdefault(which, path)
        if before != path:
            raise BadInput(
                f"one file of the {which} hemisphere of {subject}", f"{before.name} and {path.name}",
                "remove one",
            )  # fmt: skip
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class SurfaceReader:
    """Regions of a subject's two files, as a study names them; see ``surfaces:FOLDER``."""

    mesh: str | Mapping[str, Path]
    masks: Mapping[str, Mapping[str, Path]] | None
    atlas: Mapping[str, Path] | None
    labels: Labels
    base: Path
    signals: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Changes whenever the regions of the same images would."""
        held = [self.mesh] if isinstance(self.mesh, Mapping) else []
        held += [*(self.masks or {}).values(), *([self.atlas] if self.atlas is not None else [])]
        for those in held:
            _check_sides(those)
        named = self.mesh if isinstance(self.mesh, str) else None
        names = labels_named(self.labels, self.base)
        content = [[list(those), digests(those.values())] for those in held]
        said = [named, list(self.masks or {}), self.atlas is not None, content, names, dict(self.signals)]
        return sha256(json.dumps(said, default=str).encode()).hexdigest()

    def __call__(self, files: Mapping[str, Path]) -> dict[str, Region]:
        image = image_of(files, self.mesh)
        if self.masks is not None:
            return {
                name: on_surface(image, _mask(image, those), **self.signals)
                for name, those in self.masks.items()
            }
        if self.atlas is None:
            return {WHOLE: on_surface(image, **self.signals)}
        atlas, names = _atlas(image, self.atlas, labels_named(self.labels, self.base))
        return in_surface_atlas(image, atlas, names, **self.signals)


def surface_reader_of(
    base: str | Path,
    mesh: str | Halves,
    masks: Mapping[str, str | Halves] | None,
    atlas: str | Halves | None,
    labels: Labels,
    signals: Mapping[str, Any] | None,
    subject: str = "",
) -> SurfaceReader:
    """The reader of `masks`, by name, of an `atlas`, or of the whole cortex, a file a hemisphere each; relative paths
    start at `base`, and ``{subject}`` in one stands for `subject`. BadInput where both are named."""
    if masks is not None and atlas is not None:
        raise BadInput("one of `masks` and `atlas`, or neither", "both", "leave one out")

    def own(those: str | Halves) -> dict[str, Path]:
        if isinstance(those, str):
            raise BadInput(
                "a file a hemisphere, for surfaces",
                those,
                "write {left: lh.gii, right: rh.gii}, or one of these",
            )
        return {side: placed_at(base, file, subject=subject) for side, file in those.items()}

    return SurfaceReader(
        mesh if isinstance(mesh, str) else own(mesh),
        None if masks is None else {str(name): own(those) for name, those in masks.items()},
        None if atlas is None else own(atlas), labels, Path(base), signals or {},
    )  # fmt: skip


def image_of(files: Mapping[str, Path], mesh: str | Mapping[str, Path]) -> Any:
    """A ``SurfaceImage`` of the maps in `files`, on `mesh`: fsaverage5, or a file a hemisphere.

    Raises BadInput for another name, and where the maps have another number of vertices than the mesh.
    """
    from nilearn.surface import PolyMesh, SurfaceImage

    if isinstance(mesh, str):
        if mesh != "fsaverage5":
            raise BadInput(
                "fsaverage5, or the file of a mesh a hemisphere", mesh,
                "write `mesh: {left: lh.pial, right: rh.pial}`",
            )  # fmt: skip
        from nilearn.datasets import load_fsaverage

        whole = load_fsaverage("fsaverage5")["pial"].parts
    else:
        whole = PolyMesh(**{side: _there(path) for side, path in mesh.items()}).parts
    if absent := [side for side in files if side not in whole]:
        raise BadInput(f"a mesh of the {absent[0]} hemisphere", "none", f"add `{absent[0]}:` to `mesh:`")
    data = {side: _values(path, whole[side].n_vertices) for side, path in files.items()}
    data = {side: x[:, None] if x.ndim == 1 else x for side, x in data.items()}
    if len({x.shape[1] for x in data.values()}) > 1:
        raise BadInput(
            "as many maps in both hemispheres",
            " and ".join(f"{x.shape[1]} in {files[side].name}" for side, x in data.items()),
            "cut both to the same maps",
        )
    kind = np.result_type(*data.values())
    data = {side: x.astype(kind, copy=False) for side, x in data.items()}
    return SurfaceImage(PolyMesh(**{side: whole[side] for side in files}), data)


def _mask(image: Any, files: Mapping[str, Path]) -> Any:
    parts = {side: _values(path, _size(image, side), label=True) for side, path in files.items()}
    for side, values in parts.items():
        held = np.unique(values)
        if len(held) > 2 or not np.isfinite(held).all() or (len(held) == 2 and held[0] != 0):
            raise BadInput(
                "a mask of two values, 0 and another", f"{files[side].name} with {len(held)}",
                "threshold it, or name it as an atlas",
            )  # fmt: skip
    return _on(image, parts)


def _atlas(
    image: Any, files: Mapping[str, Path], given: Mapping[int, str] | Sequence[str] | None
) -> tuple[Any, dict[int, str]]:
    """The atlas with one number a name, and the names: the same number may be two regions in two hemispheres."""
    numbers: dict[str, int] = {}
    found = {}
    for side in (side for side in SIDES if side in files):
        values = _values(files[side], _size(image, side))
        wrong = int((values != np.round(values)).sum())
        if wrong:
            raise BadInput(
                "an atlas of whole numbers", f"{files[side].name} with {wrong} vertices of other values",
                "take the most probable label of each vertex",
            )  # fmt: skip
        names = _names(files[side], values, given)
        found[side] = np.zeros(len(values), int)
        for label, name in names.items():
            found[side][(values == label) & (values != 0)] = numbers.setdefault(name, len(numbers) + 1)
    return _on(image, found), {number: name for name, number in numbers.items()}


def _names(file: Path, values: np.ndarray, given: Mapping[int, str] | Sequence[str] | None) -> dict[int, str]:
    """The name of each label but 0, the background: as given, as the file says, or the number."""
    if given is not None:
        return dict(given) if isinstance(given, Mapping) else dict(enumerate(given, 1))
    held = [int(x) for x in np.unique(values) if x > 0]
    said: Mapping[int, str] = {}
    if file.suffix == ".annot":
        from nibabel.freesurfer import read_annot

        said = {k: name.decode() for k, name in enumerate(read_annot(file)[2])}
    elif file.suffix == ".gii":
        import nibabel

        said = nibabel.load(file).labeltable.get_labels_as_dict()  # type: ignore[attr-defined]
    return {label: str(said.get(label, label)) for label in held}


def _values(path: Path, vertices: int, label: bool = False) -> np.ndarray:
    """(vertices,) or (vertices, maps). With `label`, a FreeSurfer .label, which lists vertices, is 1 in those."""
    from nilearn.surface import load_surf_data

    if _there(path).suffix in OPENED:  # nilearn reads the compressed ones alone, and leaves them open
        from nibabel.freesurfer import MGHImage

        with OPENED[path.suffix](path, "rb") as file:
            values = np.squeeze(MGHImage.from_stream(file).get_fdata(dtype=np.float32))
    else:
        values = np.asarray(load_surf_data(str(path)))
    if label and path.suffix == ".label":
        within = np.zeros(vertices)
        within[values.astype(int)[values < vertices]] = 1
        return within
    if len(values) != vertices:
        raise BadInput(
            f"{vertices} vertices in {path.name}, as the mesh has", str(len(values)),
            "name the mesh that the data are on by `mesh:`, or bring them to fsaverage5",
        )  # fmt: skip
    return values


def _on(image: Any, values: Mapping[str, np.ndarray]) -> Any:
    """An image on the same mesh, 0 in a hemisphere of which there are no values."""
    from nilearn.surface import SurfaceImage

    parts = {
        side: np.asarray(values.get(side, np.zeros(_size(image, side))), float) for side in image.mesh.parts
    }
    return SurfaceImage(image.mesh, parts)


def _size(image: Any, side: str) -> int:
    if side not in image.mesh.parts:
        raise BadInput("masks and atlases of the hemispheres that were recorded", side, "leave it out")
    return int(image.mesh.parts[side].n_vertices)


def _check_sides(those: Mapping[str, Path]) -> None:
    for side, path in those.items():
        if side not in SIDES:
            raise unknown("hemisphere", side, SIDES)
        _there(path)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise BadInput("a file of a hemisphere", f"{path}, which is not a file", "check the path")
    return path
