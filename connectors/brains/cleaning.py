"""What of a recording cannot be used: units that are not finite or never vary, and regions and subjects without others.

They are taken out here, once for every kind of data, and each is counted.
"""

from dataclasses import replace

import numpy as np

from consilience.connectors.brains.interfaces import Excluded, Region, Subject

_NOT_FINITE = "not finite (NaN or infinity)"
_CONSTANT = "the same value in every row"
_EMPTY = "no voxel of it is within the mask, or in the image"


def usable(subject: Subject) -> Subject:
    """The subject without the units that are not finite or constant, and without the regions that have no other.

    A unit that is constant in one repeat alone stays. A matrix of dissimilarities is left out as a whole when it holds
    a value that is not finite, or is the same for every two stimuli. What was left out, here and when the regions were
    read, is added to `excluded`; a subject of whom nothing is left has no regions.
    """
    regions: dict[str, Region] = {}
    lost: list[Excluded] = []
    for name, region in subject.regions.items():
        faults, kept = _faults(region)
        whole = f"region ({name})"
        if kept is None:
            lost.append(Excluded(subject.name, whole, " or ".join(faults)))
            continue
        lost += [
            Excluded(subject.name, f"{of} of {name}", why, n) for (of, why), n in region.left_out.items()
        ]
        regions[name] = replace(kept, left_out={}) if region.left_out else kept
        lost += [Excluded(subject.name, f"units of {name}", why, count) for why, count in faults.items()]
    if subject.regions and not regions:
        why = " or ".join(dict.fromkeys(x.reason for x in lost))
        lost = [Excluded(subject.name, f"subject, with all {len(lost)} regions", why)]
    return replace(subject, regions=regions, excluded=(*subject.excluded, *lost))


def keep_faults(values: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """Signals `values` (rows, units) that nilearn made of `raw` (units, rows), with the faults of these, in place.

    nilearn makes 0 of what is not finite, and rounding noise of what is constant. Here a unit that is not finite in
    some row becomes NaN throughout, and one that is constant stays so: both are found and counted later.
    """
    constant = raw.min(axis=1) == raw.max(axis=1)
    values[:, constant] = values[:1, constant]
    values[:, ~np.isfinite(raw).all(axis=1)] = np.nan
    return values


def _faults(region: Region) -> tuple[dict[str, int], Region | None]:
    """Reason -> number of units that it takes out, and the region without them; None if nothing is left."""
    if region.kind == "rdm":
        fault = _fault_of_rdm(region.values)
        return ({fault: 1}, None) if fault else ({}, region)
    if not region.values.shape[-1]:
        return {_EMPTY: 0}, None
    finite, varies = _finite_and_varying(region.values)
    counts = {_NOT_FINITE: int((~finite).sum()), _CONSTANT: int((finite & ~varies).sum())}
    faults = {why: count for why, count in counts.items() if count}
    if not varies.any():
        return faults, None
    return faults, region if varies.all() else _units(region, varies)


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
