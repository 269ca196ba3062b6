"""Images on one grid: nilearn resamples one that is not, without a word, so here it is refused."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput

CLOSE = 1e-3  # mm, between two affines, or places, that mean the same


class EmptyMask(BadInput):
    """A mask without a voxel."""


def volumes_of(images: Any) -> Any:
    """A 4D image: of a path or image, or of a sequence of 3D ones (one a stimulus) on one grid.

    Raises BadInput for a file that is not there, an image without a fourth axis, and images on different grids.
    """
    from nilearn.image import concat_imgs

    if isinstance(images, Sequence) and not isinstance(images, str):
        loaded = [load(image) for image in images]
        if not loaded:
            raise BadInput("at least one image", "none", "check the list of files")
        for image in loaded[1:]:
            same_grid(image, loaded[0], described(image), described(loaded[0]))
        return concat_imgs(loaded)
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
    return new_img_like(mask, inside.astype(np.uint8))


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
    """Raise BadInput, with both affines and shapes, unless the images share them."""
    shapes = tuple(one.shape[:3]), tuple(other.shape[:3])
    if shapes[0] == shapes[1] and np.allclose(one.affine, other.affine, rtol=0, atol=CLOSE):
        return
    raise BadInput(
        f"{name} and {name_of_other} on one grid",
        f"shape {shapes[0]} with affine {_text(one.affine)}, and shape {shapes[1]} with affine {_text(other.affine)}",
        "resample one, where you can look at it: nilearn.image.resample_to_img(mask_or_atlas, volumes, "
        'interpolation="nearest")',
    )


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
