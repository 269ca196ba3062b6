"""What of a recording cannot be used: units that are not finite or never vary, and regions and subjects without others.

They are taken out here, once for every kind of data, and each is counted.
"""

from dataclasses import replace

import numpy as np

from consilience.connectors.brains.interfaces import Excluded, Region, Subject

_NOT_FINITE, _CONSTANT = "not finite (NaN or infinity)", "the same value in every row"


def usable(subject: Subject) -> Subject:
    """The subject without the units that are not finite or constant, and without the regions that have no other.

    A unit that is constant in one repeat alone stays. A matrix of dissimilarities is left out as a whole when it holds
    a value that is not finite, or is the same for every two stimuli. What was left out is added to `excluded`; a
    subject of whom nothing is left has no regions.
    """
    regions, excluded = {}, list(subject.excluded)
    for name, region in subject.regions.items():
        if region.kind == "rdm":
            reason = _fault_of_rdm(region.values)
            if reason:
                excluded.append(Excluded(subject.name, f"region ({name})", reason))
            else:
                regions[name] = region
            continue
        finite, varies = _finite_and_varying(region.values)
        counts = {_NOT_FINITE: int((~finite).sum()), _CONSTANT: int((finite & ~varies).sum())}
        excluded += [Excluded(subject.name, f"units of {name}", why, n) for why, n in counts.items() if n]
        if varies.any():
            regions[name] = region if varies.all() else _units(region, varies)
        else:
            excluded.append(Excluded(subject.name, f"region ({name})", "no unit that varies is left"))
    if subject.regions and not regions:
        excluded.append(Excluded(subject.name, "subject", "no region is left: nothing varies or is finite"))
    return replace(subject, regions=regions, excluded=tuple(excluded))


def _finite_and_varying(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which units (last axis) are finite throughout, and which of these vary."""
    rows = tuple(range(values.ndim - 1))
    low, high = values.min(axis=rows), values.max(axis=rows)  # NaN if one is
    finite = np.isfinite(low) & np.isfinite(high)
    return finite, finite & (high > low)


def _units(region: Region, kept: np.ndarray) -> Region:
    places = region.coordinates
    return replace(
        region, values=region.values[..., kept], coordinates=None if places is None else places[kept]
    )


def _fault_of_rdm(values: np.ndarray) -> str:
    apart = values[..., ~np.eye(values.shape[-1], dtype=bool)]
    if not np.isfinite(values).all():
        return _NOT_FINITE
    return "the same dissimilarity between every two stimuli" if apart.min() == apart.max() else ""
