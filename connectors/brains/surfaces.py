"""Regions of a cortical surface: vertices of both hemispheres, within a mask or by the labels of an atlas."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from consilience.connectors.brains.cleaning import keep_faults
from consilience.connectors.brains.grids import by_name
from consilience.connectors.brains.interfaces import Region
from consilience.connectors.brains.signals import checked, cleaned
from consilience.engine.errors import BadInput

_BOTH = ("left", "right")


def on_surface(image: Any, mask: Any = None, **signals: Any) -> Region:
    """The vertices of a ``nilearn.surface.SurfaceImage`` of several maps (vertices, rows), left before right, within
    `mask` (another, of 0 and 1) if given. `signals` are arguments of nilearn's ``signal.clean``, with the defaults of
    its ``SurfaceMasker`` (which knows no ``runs``); maps are smoothed before, not here.

    A vertex that is NaN or infinite in any row, which nilearn would make 0, stays NaN, and is counted later. Raises
    BadInput for images on different meshes, a mask without a vertex, and `signals` that cannot be meant.
    """
    from nilearn.maskers import SurfaceMasker

    checked(signals)
    inside = np.ones(sum(_vertices(image)), bool)
    if mask is not None:
        _same_mesh(mask, image)
        inside = _stacked(mask)[:, 0] != 0
        if not inside.any():
            raise BadInput("a mask with at least one vertex", "one with none", "check the mask")
    # Without a mask of its own nilearn would leave out the vertices that are 0 throughout, which has to be counted.
    everywhere = _like(image, inside[:, None])
    masker, raw = SurfaceMasker(mask_img=everywhere, standardize=None), _stacked(image)[inside]
    values = keep_faults(cleaned(masker.fit_transform(image), signals), raw)
    places = np.concatenate([image.mesh.parts[side].coordinates for side in _sides(image)])
    return Region(values, coordinates=places[inside])


def in_surface_atlas(image: Any, atlas: Any, names: Mapping[int, str], **signals: Any) -> dict[str, Region]:
    """The vertices of every label that is named, a region a name; labels of one name, of the two hemispheres perhaps,
    are one region, and one that the atlas does not hold has no unit.

    Raises BadInput as `on_surface`.
    """
    _same_mesh(atlas, image)
    labels = _stacked(atlas)[:, 0]
    wanted = np.isin(labels, list(names))
    whole = on_surface(image, _like(image, wanted[:, None]), **signals)
    assert whole.coordinates is not None
    found = labels[wanted]
    return {
        name: Region(whole.values[:, within], coordinates=whole.coordinates[within])
        for name, within in ((name, np.isin(found, those)) for name, those in by_name(names).items())
    }


def _sides(image: Any) -> list[str]:
    return [side for side in _BOTH if side in image.mesh.parts]


def _vertices(image: Any) -> list[int]:
    return [image.mesh.parts[side].n_vertices for side in _sides(image)]


def _stacked(image: Any) -> np.ndarray:
    parts = [np.asarray(image.data.parts[side]) for side in _sides(image)]
    return np.concatenate([x[:, None] if x.ndim == 1 else x for x in parts])


def _like(image: Any, values: np.ndarray) -> Any:
    from nilearn.surface import SurfaceImage

    pieces = np.split(values.astype(np.uint8), np.cumsum(_vertices(image))[:-1])
    return SurfaceImage(image.mesh, dict(zip(_sides(image), pieces)))


def _same_mesh(one: Any, image: Any) -> None:
    if _sides(one) == _sides(image) and _vertices(one) == _vertices(image):
        return

    def text(x: Any) -> str:
        return ", ".join(f"{n} vertices {side}" for side, n in zip(_sides(x), _vertices(x)))

    raise BadInput(
        "a mask or atlas on the mesh of the image",
        f"{text(one)}, and {text(image)} in the image",
        "take both on one mesh, such as fsaverage5",
    )
