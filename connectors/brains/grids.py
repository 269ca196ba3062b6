"""Images on one grid: nilearn resamples one that is not, without a word, so here it is refused.

nilearn takes two grids for two where their affines differ by 1e-5, which rounding in a header does. Two are one here
where no voxel of the one could be taken for the neighbour of its own in the other, and what is read is then put on the
affine of the volumes, so that nothing is resampled.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput

ROUNDING = 0.01  # mm; what lies further apart is told of
_SHARE = 0.25  # of the edge of a voxel; the quaternions of headers are rounded by up to a fifth of it
_LOG = logging.getLogger(__name__)


class EmptyMask(BadInput):
    """A mask without a voxel."""


def volumes_of(images: Any) -> Any:
    """A 4D image: of a path or image, or of a sequence of 3D ones (one a stimulus) on one grid.

    Raises BadInput for a file that is not there, an image without a fourth axis, and images on different grids.
    """
    from nilearn.image import concat_imgs, get_data, new_img_like

    if isinstance(images, Sequence) and not isinstance(images, str):
        loaded = [load(image) for image in images]
        if not loaded:
            raise BadInput("at least one image", "none", "check the list of files")
        for image in loaded[1:]:
            same_grid(image, loaded[0], described(image), described(loaded[0]))
        first = loaded[0].affine
        return concat_imgs(
            [x if (x.affine == first).all() else new_img_like(x, get_data(x), first) for x in loaded]
        )
    image = load(images)
    if image.ndim != 4:
        raise BadInput(
            "an image with a fourth axis (volumes)", f"{described(image)} of shape {image.shape}",
            "give a list of images, one a stimulus",
        )  # fmt: skip
    return image


def mask_of(image: Any, volumes: Any) -> Any:
    """A 3D mask on the grid of `volumes`, as 0 and 1.

    Raises BadInput for another grid, for other values than zero and one other, and for a mask without a voxel.
    """
    from nilearn.image import new_img_like

    mask = labels_of(image, volumes, "mask")
    values = np.unique(mask.get_fdata())
    if len(values) > 2 or not np.isfinite(values).all() or (len(values) == 2 and values[0] != 0):
        raise BadInput(
            "a mask of two values, 0 and another",
            f"{described(mask)} with {len(values)} values, {values[0]:g} to {values[-1]:g}",
            "threshold it, or pass it as an atlas",
        )
    inside = mask.get_fdata() != 0
    if not inside.any():
        raise EmptyMask("a mask with at least one voxel", f"{described(mask)} with none", "check the mask")
    return new_img_like(mask, inside.astype(np.uint8), volumes.affine)


def labels_of(image: Any, volumes: Any, kind: str = "atlas") -> Any:
    """A 3D image of labels on the grid of `volumes`; a fourth axis of length one is dropped."""
    from nilearn.image import index_img

    found = load(image)
    if found.ndim == 4 and found.shape[3] == 1:
        found = index_img(found, 0)
    if found.ndim != 3:
        raise BadInput(
            f"a 3D {kind}", f"{described(found)} of shape {found.shape}", "give a single volume of labels"
        )
    same_grid(found, volumes, f"the {kind} {described(found)}", f"the volumes {described(volumes)}")
    return found


def whole_numbers(labels: Any) -> np.ndarray:
    """The values of an image of labels; BadInput for others than whole numbers, of probabilities perhaps."""
    values = labels.get_fdata()
    wrong = int((values != np.round(values)).sum())  # NaN is among them
    if wrong:
        raise BadInput(
            "an atlas of whole numbers", f"{described(labels)} with {wrong} voxels of other values",
            "take the most probable label of each voxel",
        )  # fmt: skip
    return values.astype(int)


def by_name(names: Mapping[int, str] | Sequence[str]) -> dict[str, list[int]]:
    """Name -> its labels, of the name of each label, or of the names of the labels 1, 2, …"""
    found: dict[str, list[int]] = {}
    for label, name in names.items() if isinstance(names, Mapping) else enumerate(names, 1):
        found.setdefault(name, []).append(label)
    return found


def same_grid(one: Any, other: Any, name: str, name_of_other: str) -> None:
    """Raise BadInput, with both affines and shapes, unless every voxel of one image lies where that of the other does:
    less than a quarter of its edge apart. More than rounding is logged."""
    shapes = tuple(one.shape[:3]), tuple(other.shape[:3])
    apart = _apart(one, other) if shapes[0] == shapes[1] else np.inf
    if apart <= reach(other.affine):
        if apart > ROUNDING:
            _LOG.warning(
                "%s and %s lie up to %.2f mm apart, less than a quarter of a voxel: they are read as one grid",
                name, name_of_other, apart,
            )  # fmt: skip
        return
    differ = f"; voxels lie up to {apart:.3g} mm apart{_turned(one, other)}" if np.isfinite(apart) else ""
    raise BadInput(
        f"{name} and {name_of_other} on one grid",
        f"shape {shapes[0]} with affine {_text(one.affine)}, and shape {shapes[1]} with affine {_text(other.affine)}"
        f"{differ}",
        "resample one, where you can look at it: nilearn.image.resample_to_img(mask_or_atlas, volumes, "
        'interpolation="nearest")',
    )


def reach(affine: np.ndarray) -> float:
    """How far, in mm, a place may be from the centre of a voxel to be that voxel's."""
    return _SHARE * float(np.linalg.norm(affine[:3, :3], axis=0).min())


def _apart(one: Any, other: Any) -> float:
    """The greatest distance, in mm, between a voxel of one image and that of the other: it is at a corner."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in one.shape[:3]], [1])).reshape(4, -1)
    return float(np.linalg.norm((one.affine - other.affine) @ corners, axis=0).max())


def _turned(one: Any, other: Any) -> str:
    """How the axes of two grids lie to each other: in another order, or at an angle."""
    from nibabel.orientations import aff2axcodes

    codes = ["".join(map(str, aff2axcodes(x.affine))) for x in (one, other)]
    if codes[0] != codes[1]:
        return f", their axes are {codes[0]} and {codes[1]}"
    axes = [x.affine[:3, :3] / np.linalg.norm(x.affine[:3, :3], axis=0) for x in (one, other)]
    angle = np.degrees(np.arccos(np.clip(((axes[0] * axes[1]).sum() - 1) / 2, -1, 1)))
    return f", turned by {angle:.3g} degrees" if angle >= 0.005 else ""


def load(image: Any) -> Any:
    """An image, read from its path if it is one; BadInput when there is no such file."""
    from nilearn.image import load_img

    if isinstance(image, str | Path) and not Path(image).is_file():
        raise BadInput("a NIfTI file", f"{image}, which is not a file", "check the path")
    return load_img(image)


def described(image: Any) -> str:
    """The name of an image's file, or what it is."""
    name = image.get_filename()
    return Path(name).name if name else "an image in memory"


def _text(affine: np.ndarray) -> str:
    return str(np.asarray(affine).round(3).tolist())
