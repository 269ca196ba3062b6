"""What reads the regions of a run's image, and says what decides them: masks, an atlas, spheres.

A reader is called with the image and has a `fingerprint`, so that recordings that were read with another mask are not
taken for these.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from consilience.connectors.brains.interfaces import Region
from consilience.connectors.brains.volumes import in_atlas, in_mask, in_spheres
from consilience.connectors.digests import digests
from consilience.engine.errors import BadInput


@runtime_checkable
class Reader(Protocol):
    """Regions of an image; `fingerprint` changes whenever they would."""

    @property
    def fingerprint(self) -> str: ...

    def __call__(self, image: Any) -> Mapping[str, Region]: ...


@dataclass(frozen=True)
class Masks:
    """One region a mask (a path or an image), by name; `signals` as for `in_mask`."""

    masks: Mapping[str, Any]
    signals: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        return _digest("masks", {name: _content(mask) for name, mask in self.masks.items()}, self.signals)

    def __call__(self, image: Any) -> dict[str, Region]:
        return {name: in_mask(image, mask, **self.signals) for name, mask in self.masks.items()}


@dataclass(frozen=True)
class Atlas:
    """One region a name, of the labels of an atlas (a path or an image), within `mask` if there is one; `names` and
    `signals` as for `in_atlas`."""

    atlas: Any
    names: Mapping[int, str] | Sequence[str]
    mask: Any = None
    signals: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        names = sorted(self.names.items()) if isinstance(self.names, Mapping) else list(self.names)
        mask = None if self.mask is None else _content(self.mask)
        return _digest("atlas", _content(self.atlas), names, mask, self.signals)

    def __call__(self, image: Any) -> dict[str, Region]:
        return in_atlas(image, self.atlas, self.names, mask=self.mask, **self.signals)


@dataclass(frozen=True)
class Spheres:
    """One region a point (mm): the voxels within `radius` mm of it, and within `mask`, if any; as `in_spheres`."""

    centres: Mapping[str, Sequence[float]]
    radius: float
    mask: Any = None
    signals: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        centres = {name: [float(x) for x in point] for name, point in self.centres.items()}
        mask = None if self.mask is None else _content(self.mask)
        return _digest("spheres", centres, float(self.radius), mask, self.signals)

    def __call__(self, image: Any) -> dict[str, Region]:
        return in_spheres(image, self.centres, self.radius, mask=self.mask, **self.signals)


@dataclass(frozen=True)
class PerSubject:
    """A reader of each subject's own, which `make` makes of the subject's name: of masks in the space of each."""

    make: Callable[[str], Reader]


def fingerprint_of(regions: Callable[[Any], Mapping[str, Region]], version: str | None) -> str:
    """Of a reader its own fingerprint, of another function `version`, which its author changes whenever the function
    or what it reads does. BadInput where neither is known."""
    if version is not None:
        return f"version {version}"
    if isinstance(regions, Reader):
        return str(regions.fingerprint)
    raise BadInput(
        "`regions` of which it is known when they change",
        f"a function, {getattr(regions, '__name__', type(regions).__name__)}, that says nothing of it",
        'give Masks, Atlas or Spheres, or regions_version="1" and another one whenever the function or a mask changes',
    )


def _content(image: Any) -> str:
    """The digest of a file, or of the values and the grid of an image."""
    if isinstance(image, str | Path):
        if not Path(image).is_file():
            raise BadInput("a NIfTI file", f"{image}, which is not a file", "check the path")
        return digests([image])[0]
    values = np.ascontiguousarray(image.get_fdata())
    whole = sha256(json.dumps([values.shape, image.affine.tolist()]).encode())
    whole.update(values.data)
    return whole.hexdigest()


def _digest(*said: Any) -> str:
    return sha256(
        json.dumps(said, sort_keys=True, default=lambda x: np.asarray(x).tolist()).encode()
    ).hexdigest()
