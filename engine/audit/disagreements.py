"""Rules of findings on scores that disagree: all on the way from chance (0) to identity (1).

Each takes an audit and returns a sentence with its figures, or None. Its docstring is the rule as readers see it.
"""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from consilience.engine.audit.agreement import CKA, named
from consilience.engine.audit.causes import Said
from consilience.engine.audit.wording import decimal

if TYPE_CHECKING:
    from consilience.engine.audit.auditing import Audit

LISTS = ("mutual_knn", "jaccard_knn", "cycle_knn", "lcs_knn", "edit_knn", "rank_knn")  # not weighed by size
CANONICAL = ("cca", "svcca")
LEAST_ROOM = 0.1  # between chance and identity, for an adjusted score to mean anything


def identical(audit: "Audit") -> Said:
    """Every metric stands at 0.999 or more of the way from chance to identity."""
    lowest = float(audit.agreement["adjusted"].min())
    if not lowest >= 0.999:
        return None
    return "By every metric X and Y are identical, up to what that metric is blind to.", {"lowest": lowest}


def unrelated(audit: "Audit") -> Said:
    """No metric lies 3 null standard deviations or more on the better side of chance."""
    found = audit.agreement
    better = found["z"] * xr.where(found["direction"] == "distance", -1, 1)
    # Where chance leaves no room z is rounding over rounding.
    largest = float(better.where(np.isfinite(found["adjusted"])).max())
    if not largest < 3:
        return None
    text = f"No metric tells X and Y from unrelated samples: the largest z is {decimal(largest)}."
    return text, {"z": largest}


def neighbours(audit: "Audit") -> Said:
    """A metric of neighbour lists lies at least 0.4 from unbiased linear CKA, on the way from chance to identity."""
    return _apart(
        audit, LISTS, 0.4,
        above="nearest neighbours agree more than the large distances, which CKA weighs most",
        below="the large distances, which CKA weighs most, agree more than nearest neighbours",
    )  # fmt: skip


def proportions(audit: "Audit") -> Said:
    """linreg, cca or svcca lies at least 0.5 above unbiased linear CKA, on the way from chance to identity."""
    return _apart(
        audit, (*CANONICAL, "linreg"), 0.5,
        above="what they share lies in directions that do not hold most of the variance of both",
    )  # fmt: skip


def strong_directions(audit: "Audit") -> Said:
    """cca and svcca lie at least 0.5 below unbiased linear CKA, on the way from chance to identity."""
    scores = _informative(audit, CANONICAL)
    if any(score > _cka(audit) - 0.5 for score in scores.values()):
        return None
    return _apart(
        audit, CANONICAL, 0.5,
        below="they share directions of large variance, and not the many others, which count as much by it",
    )  # fmt: skip


def _cka(audit: "Audit") -> float:
    """Unbiased linear CKA, whose chance is 0 and whose best is 1."""
    return float(audit.outliers["score"].sel(metric=CKA, top_x=0, top_y=0))


def _informative(audit: "Audit", names: tuple[str, ...]) -> dict[str, float]:
    """Adjusted scores of the metrics of these names, where there is room between chance and identity."""
    found = audit.agreement
    room = np.abs(found["best"] - found["null_mean"]) >= LEAST_ROOM
    return named(found["adjusted"].where(found["name"].isin(names) & room))


def _apart(audit: "Audit", names: tuple[str, ...], gap: float, *, above: str = "", below: str = "") -> Said:
    """The one of these metrics that lies furthest from CKA, if by `gap`, on a side that is explained."""
    cka, scores = _cka(audit), _informative(audit, names)
    far = {
        name: abs(score - cka)
        for name, score in scores.items()
        if abs(score - cka) >= gap and (above if score > cka else below)
    }
    if not far:
        return None
    name = max(far, key=lambda x: far[x])
    text = (
        f"{name} and CKA disagree ({decimal(scores[name])} and {decimal(cka)} of the way from chance to identity): "
        f"{above if scores[name] > cka else below}."
    )
    return text, {"cka": cka, name: scores[name]}
