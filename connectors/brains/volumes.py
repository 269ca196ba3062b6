"""Regions of volumes (NIfTI): within a mask, of an atlas, around points. nilearn reads the signals.

A voxel that is NaN or infinite in any volume, which nilearn would make 0, stays NaN here, and a constant one constant:
`usable` takes them out and counts them. A region without a voxel comes with no unit, for the same reason. `signals` are
arguments of nilearn's ``NiftiMasker`` (``detrend``, ``standardize``, ``runs``, ``smoothing_fwhm``, …), but for those
by which it would resample: volumes, mask and atlas lie on one grid, and stay on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from consilience.connectors.brains.cleaning import keep_faults
from consilience.connectors.brains.grids import (
    by_name,
    described,
    labels_of,
    mask_of,
    volumes_of,
    whole_numbers,
)
from consilience.connectors.brains.interfaces import Region
from consilience.connectors.brains.signals import OF_VOLUMES, check_confounds, checked, cleaned
from consilience.engine.errors import BadInput


def in_mask(volumes: Any, mask: Any, *, confounds: Any = None, **signals: Any) -> Region:
    """The voxels of `volumes` (a path, a 4D image, or a sequence of 3D ones) within `mask`.

    Raises BadInput for a mask on another grid, without a voxel, or of more than two values; for `signals` that nilearn
    has no such argument for, and smoothing with voxels that are not finite; and for `confounds` (volumes, columns) that
    are not finite or of another length.
    """
    from nilearn.image import get_data
    from nilearn.maskers import NiftiMasker

    images = volumes_of(volumes)
    given = checked(signals, images.shape[3], OF_VOLUMES)
    check_confounds(confounds, images.shape[3])
    mask_img = mask_of(mask, images)
    inside = mask_img.get_fdata() > 0
    raw = get_data(images)
    if given.get("smoothing_fwhm") and not np.isfinite(raw).all():
        # nilearn would count them as 0, and draw their neighbours towards it.
        voxels = int((~np.isfinite(raw).all(axis=3)).sum())
        raise BadInput(
            "images without NaN or infinity, to be smoothed", f"{voxels} voxels with some in {described(images)}",
            "smooth them before, once it is decided what stands in those voxels, or leave smoothing_fwhm out",
        )  # fmt: skip
    masker = NiftiMasker(mask_img=mask_img, **{"standardize": None, **given})
    values = keep_faults(masker.fit_transform(images, confounds=confounds), raw[inside])
    return Region(values, coordinates=_places(inside, mask_img.affine))


def in_atlas(
    volumes: Any, atlas: Any, names: Mapping[int, str] | Sequence[str], *, mask: Any = None, **signals: Any
) -> dict[str, Region]:
    """The voxels of every label of `atlas`, a region a label, within `mask` if one is given.

    `names` gives the name of each label, or the names of the labels 1, 2, …; a label that is not named is left out on
    purpose. Labels of one name, of the two hemispheres perhaps, are one region. What the mask takes of a region is
    counted (`Region.left_out`); one of which it leaves nothing, or that the atlas does not hold, has no unit.

    Raises BadInput as `in_mask`, when the atlas holds no label that is named, and for values that are no labels.
    """
    from nilearn.image import new_img_like

    images = volumes_of(volumes)
    labels = labels_of(atlas, images)
    named = by_name(names)
    found = whole_numbers(labels)
    wanted = np.isin(found, [label for those in named.values() for label in those]) & (found != 0)
    if not wanted.any():
        held = ", ".join(map(str, np.unique(found[found != 0])[:8])) or "none"
        asked = ", ".join(str(label) for those in named.values() for label in those)
        raise BadInput(
            f"an atlas with at least one of the labels {asked}", f"the labels {held}",
            "name labels that the atlas holds",
        )  # fmt: skip
    inside = wanted if mask is None else wanted & (mask_of(mask, images).get_fdata() > 0)
    if not inside.any():
        raise BadInput(
            "a mask that holds voxels of the atlas", "one that holds none", "check that both are in one space"
        )
    whole = in_mask(images, new_img_like(images, inside.astype(np.uint8)), **signals)
    every, kept = found[wanted], found[inside]
    return {
        name: _less(_where(whole, np.isin(kept, those)), int(np.isin(every, those).sum()))
        for name, those in named.items()
    }


def in_parcels(
    volumes: Any, atlas: Any, names: Mapping[int, str] | Sequence[str], *, mask: Any = None, **signals: Any
) -> Region:
    """The mean of every label of `atlas`, as one region whose units are the labels, in the order of `names`.

    A label that has no voxel, or one that is not finite, is NaN throughout; labels of one name are one unit. See
    `in_atlas` for the rest. `signals` are applied to the means, not to the voxels, which are not smoothed.
    """
    checked(signals)
    regions = in_atlas(volumes, atlas, names, mask=mask)
    n = next(iter(regions.values())).n
    means = np.stack(
        [r.values.mean(axis=1) if r.values.size else np.full(n, np.nan) for r in regions.values()], axis=1
    )
    centres = [
        r.coordinates.mean(axis=0) if r.values.size and r.coordinates is not None else np.full(3, np.nan)
        for r in regions.values()
    ]
    lost = sum(count for r in regions.values() for count in r.left_out.values())
    trimmed = {("voxels", "outside the mask"): lost} if lost else {}
    return Region(cleaned(means, signals), coordinates=np.stack(centres), left_out=trimmed)


def in_spheres(
    volumes: Any,
    centres: Mapping[str, Sequence[float]],
    radius: float,
    *,
    mask: Any = None,
    **signals: Any,
) -> dict[str, Region]:
    """The voxels whose centre lies within `radius` mm of a point, a region a point; points are in the space of the
    volumes' affine (MNI, if they are), and spheres may overlap. What the mask takes is counted, as in `in_atlas`.

    Raises BadInput as `in_mask`, for a sphere without a voxel, and for an image that does not say where it lies.
    """
    from nilearn.image import new_img_like

    images = volumes_of(volumes)
    if "sform_code" in images.header and not images.header["sform_code"] and not images.header["qform_code"]:
        raise BadInput(
            "volumes that lie in some space, for points in mm",
            f"{described(images)}, whose header says nothing of it (sform_code and qform_code are 0)",
            "set the affine that it was acquired with, or name masks",
        )
    allowed = np.ones(images.shape[:3], bool) if mask is None else mask_of(mask, images).get_fdata() > 0
    everywhere = _places(np.ones(images.shape[:3], bool), images.affine)
    balls = {
        name: np.linalg.norm(everywhere - np.asarray(point, float), axis=1) <= radius
        for name, point in centres.items()
    }
    places, near = everywhere[allowed.ravel()], {name: ball[allowed.ravel()] for name, ball in balls.items()}
    if empty := [name for name, within in near.items() if not within.any()]:
        low, high = places.min(axis=0).round(1).tolist(), places.max(axis=0).round(1).tolist()
        raise BadInput(
            "spheres that hold at least one voxel each",
            f"none within {radius:g} mm of {empty[0]} at {list(centres[empty[0]])}; voxels lie from {low} to {high}",
            "give points in mm, in the space of the volumes, or a larger radius",
        )
    used = np.logical_or.reduce(list(near.values()))
    chosen = np.zeros(images.shape[:3], np.uint8)
    chosen[allowed] = used
    whole = in_mask(images, new_img_like(images, chosen), **signals)
    return {name: _less(_where(whole, near[name][used]), int(ball.sum())) for name, ball in balls.items()}


def _less(region: Region, units: int) -> Region:
    """The region, of which there were so many units before a mask took some."""
    lost = units - region.values.shape[1]
    return replace(region, left_out={("units", "outside the mask"): lost}) if lost else region


def _where(region: Region, kept: np.ndarray) -> Region:
    assert region.coordinates is not None
    return Region(region.values[:, kept], coordinates=region.coordinates[kept])


def _places(inside: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The centres of the voxels of a mask (voxels, 3) in mm, in the order of a masker's columns."""
    from nibabel.affines import apply_affine

    return apply_affine(affine, np.argwhere(inside))
