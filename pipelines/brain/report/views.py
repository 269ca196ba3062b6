"""Values at places in nilearn's interactive views: a volume where places are voxels of a grid, a surface where they are
vertices of fsaverage5, else markers in a brain of glass. In a space that subjects have in common voxels are shown on
the standard brain too; a subject's own coordinates say nothing of where in it a voxel lies."""

import warnings
from typing import Any

import numpy as np

from consilience.pipelines.brain.report.places import Field
from consilience.pipelines.report.theme import SEQUENTIAL

MOST_MARKERS = 2000
UNKNOWN = "#808080"
MESHES = ("pial", "white_matter", "inflated")
NEAR = 0.01  # mm: coordinates are kept to three decimals
LEAST_IN_ROW = 0.5  # of the voxels of a grid have a neighbour along an axis
MOST_VOXELS = 4_000_000
THRESHOLD = 1e-6  # what is not above it is no unit


def views(of: Field, limit: float, common: bool) -> dict[str, str]:
    """Pages by the kind of view; colours go from -limit to limit. `common`: whether the space is, see above."""
    known = np.isfinite(of.values)
    where, values = of.where[known], of.values[known]
    vertices = vertices_of(where)
    if vertices is not None:
        return {"surface": _on_vertices(vertices, values, limit)}
    image = volume_of(where, values)
    if image is None:
        return {"markers": _markers(of)}
    found = {"volume": _volume(image, limit, common)}
    if common and (page := _on_surface(image, limit)) is not None:
        found["surface"] = page
    return found


def volume_of(where: np.ndarray, values: np.ndarray) -> Any:
    """The image whose voxels lie at those places (m, 3) in mm, 0 elsewhere; None where they are on no grid along the
    axes.

    The edge of a voxel is the smallest step between places along an axis; of a single slice it is that of the others.
    """
    from nibabel import Nifti1Image

    if len(where) < 2:
        return None
    low, steps = where.min(axis=0), np.full(3, np.nan)
    for axis in range(3):
        apart = np.diff(np.unique(where[:, axis].round(2)))
        if len(apart):
            steps[axis] = apart.min()
    flat = np.isnan(steps)
    if flat.sum() > 1:
        return None
    steps[flat] = steps[~flat].mean()
    at = (where - low) / steps
    index = at.round().astype(int)
    shape = index.max(axis=0) + 1
    if np.abs(at - index).max() > 0.1 or shape.prod() > MOST_VOXELS:
        return None
    filled = np.zeros(shape, np.float32)
    filled[tuple(index.T)] = 1
    beside = sum(int((np.delete(filled, -1, a) * np.delete(filled, 0, a)).sum()) for a in range(3))
    if beside < LEAST_IN_ROW * len(where):
        return None
    # A voxel of exactly 0 is there too, and would be taken for none.
    filled[tuple(index.T)] = np.where(np.abs(values) > THRESHOLD, values, 2 * THRESHOLD)
    affine = np.diag([*steps, 1.0])
    affine[:3, 3] = low - steps
    return Nifti1Image(np.pad(filled, 1), affine)  # with an edge of nothing, which nilearn looks for


def vertices_of(where: np.ndarray) -> np.ndarray | None:
    """The numbers of the vertices that those places are, in any mesh of fsaverage5, left before right; None if none."""
    from nilearn.datasets import load_fsaverage
    from scipy.spatial import cKDTree

    for mesh in MESHES:
        parts = load_fsaverage("fsaverage5")[mesh].parts
        both = np.concatenate([parts[side].coordinates for side in ("left", "right")])
        distance, number = cKDTree(both).query(where)
        if (distance < NEAR).mean() > 0.99:
            return np.asarray(number)
    return None


def _volume(image: Any, limit: float, common: bool) -> str:
    from nilearn.plotting import view_img

    page = view_img(
        image, bg_img="MNI152" if common else None, threshold=THRESHOLD, vmax=limit, dim=0,
        resampling_interpolation="nearest", black_bg=not common, draw_cross=common,
    )  # fmt: skip
    return str(page.html)


def _on_surface(image: Any, limit: float) -> str | None:
    """The cortex that the voxels reach; None where they reach none of it."""
    from nilearn.datasets import load_fsaverage
    from nilearn.image import math_img
    from nilearn.surface import vol_to_surf

    mask, pial = math_img("i != 0", i=image), load_fsaverage("fsaverage5")["pial"]
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Mean of empty slice", RuntimeWarning
        )  # vertices far from all voxels
        values = {
            side: np.nan_to_num(vol_to_surf(image, pial.parts[side], mask_img=mask))
            for side in ("left", "right")
        }
    if not any((np.abs(v) > THRESHOLD).any() for v in values.values()):
        return None
    return _surface(values, limit)


def _on_vertices(vertices: np.ndarray, values: np.ndarray, limit: float) -> str:
    from nilearn.datasets import load_fsaverage

    parts = load_fsaverage("fsaverage5")["pial"].parts
    left = parts["left"].n_vertices
    both = np.zeros(left + parts["right"].n_vertices)
    both[vertices] = np.where(np.abs(values) > THRESHOLD, values, 2 * THRESHOLD)
    return _surface({"left": both[:left], "right": both[left:]}, limit)


def _surface(values: dict[str, np.ndarray], limit: float) -> str:
    from nilearn.datasets import load_fsaverage, load_fsaverage_data
    from nilearn.plotting import view_surf
    from nilearn.surface import SurfaceImage

    image = SurfaceImage(load_fsaverage("fsaverage5")["inflated"], values)
    page = view_surf(
        surf_map=image, bg_map=load_fsaverage_data("fsaverage5", "inflated", "sulcal"), hemi="both",
        threshold=THRESHOLD, vmax=limit, view=_side(values),
    )  # fmt: skip
    return str(page.html)


def _side(values: dict[str, np.ndarray]) -> Any:
    """The side from which most of what is shown is seen: that of its middle, in shares of the size of the brain."""
    from nilearn.datasets import load_fsaverage

    parts = load_fsaverage("fsaverage5")["pial"].parts
    every = np.concatenate([parts[side].coordinates for side in values])
    shown = np.concatenate([np.abs(of) > THRESHOLD for of in values.values()])
    middle = (every.max(axis=0) + every.min(axis=0)) / 2
    away = (every[shown].mean(axis=0) - middle) / np.ptp(every, axis=0)
    axis = int(np.abs(away).argmax())
    return (("left", "right"), ("back", "front"), ("bottom", "top"))[axis][int(away[axis] > 0)]


def _markers(of: Field) -> str:
    from nilearn.plotting import view_markers

    at = slice(None, None, -(-len(of.where) // MOST_MARKERS))
    values, labels = of.values[at], of.labels[at]
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
    shares = (values - low) / (high - low) if high > low else np.where(np.isfinite(values), 1.0, np.nan)
    colours = [
        SEQUENTIAL[2 + round(share * (len(SEQUENTIAL) - 3))] if np.isfinite(share) else UNKNOWN
        for share in shares
    ]
    page = view_markers(of.where[at], marker_color=colours, marker_size=4, marker_labels=labels)
    return str(page.html)
