"""How reliable recordings are whose stimuli came several times: what any model of them can reach at most."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.errors import BadInput
from consilience.engine.linalg import one_thread
from consilience.engine.progress import Progress, silent
from consilience.engine.reliability.checks import Repeats, checked
from consilience.engine.reliability.decoding import decode
from consilience.engine.reliability.halves import SPLITS, ceiling_of, spearman_brown
from consilience.engine.reliability.rdms import rdm_reliability, request_of
from consilience.engine.reliability.units import unit_agreement

OF_REGION = (
    "units", "units_ceiling", "rdm", "rdm_ceiling", "rdm_pairs", "rdm_p", "rdm_lower", "rdm_upper", "accuracy",
    "accuracy_p",
)  # fmt: skip
DIMS = {
    "accuracy_repeat": ("repeat",),
    "confusion": ("stimulus", "other"),
    "rdm_of_mean": ("stimulus", "other"),
}


def reliability(
    regions: Mapping[str, Repeats] | np.ndarray,
    metric: str | Mapping[str, Any] = "rsa",
    *,
    splits: int = SPLITS,
    permutations: int = 200,
    seed: int = 0,
    budget: str | float = "8GB",
    progress: Progress = silent,
) -> xr.Dataset:
    """Reliability over repeats of every region of a subject, and the ceilings that follow from it.

    Args:
        regions: a mapping from names to responses (n, repeats, units), or to an RDM of each repeat; or one array. All
            are of the same stimuli, with the same repeats.
        metric: by which RDMs are compared: ``rsa`` by Spearman, Pearson or cosine.
        splits: so many ways to deal the repeats into halves are looked at, if there are more.
        permutations: of the stimuli within every repeat, for p; 0 for none.
        seed: which splits, and permutations.

    Returns:
        A Dataset over (region, repeat, stimulus, other, unit_of). Of regions of RDMs there is what needs no units.

        - ``units`` (region): split-half reliability of the mean over repeats: Spearman-Brown of r over stimuli, the
          mean over splits and units; ``units_ceiling``: its root, the correlation of a perfect encoding model;
          ``unit`` (unit_of): of every unit by itself, with the coordinates ``unit_region``, ``unit_number``
        - ``rdm`` (region): the same of the RDM of the mean; ``rdm_ceiling``: its root. ``rdm_pairs``: mean score of the
          RDMs of two repeats; ``rdm_p``: of it, one-sided; ``rdm_lower``, ``rdm_upper``: noise ceilings over repeats;
          ``rdm_of_mean`` (region, stimulus, other): the RDM of the mean
        - ``accuracy`` (region), ``accuracy_repeat`` (region, repeat): stimuli told apart in the repeat that was left
          out, see `decode`; ``accuracy_p``; ``confusion`` (region, stimulus, other): of each stimulus the share that
          was taken for each other. ``chance``: 1 / n

    Raises:
        BadInput: before any compute, for fewer than two repeats or four stimuli, for regions that differ in them, and
            for values that are not finite.
    """
    given = {"": regions} if isinstance(regions, np.ndarray) else dict(regions)
    if permutations < 0 or splits < 1:
        raise BadInput(
            "splits of 1 or more and permutations of 0 or more", f"splits={splits}, permutations={permutations}",
            "use the defaults",
        )  # fmt: skip
    n, count = checked(given)
    asked = request_of(metric).id
    found: dict[str, dict[str, Any]] = {}
    with one_thread():
        for done, (name, values) in enumerate(given.items(), 1):
            found[name] = _of_region(values, metric, splits, permutations, seed, budget)
            progress("reliability", done, len(given))
    return _table(found, n, count, splits=splits, permutations=permutations, seed=seed, metric=asked)


def _of_region(
    values: Repeats, metric: Any, most: int, permutations: int, seed: int, budget: Any
) -> dict[str, Any]:
    """The variables of one region."""
    of = rdm_reliability(values, metric, most, permutations, seed, budget)
    found = {
        "rdm": of.reliability, "rdm_ceiling": ceiling_of(of.reliability), "rdm_pairs": of.pairs, "rdm_p": of.p,
        "rdm_lower": of.lower, "rdm_upper": of.upper, "rdm_of_mean": of.mean,
    }  # fmt: skip
    if not isinstance(values, np.ndarray):
        return found
    r = unit_agreement(values, most=most, seed=seed)
    units = spearman_brown(r[np.isfinite(r)].mean() if np.isfinite(r).any() else np.nan, values.shape[1])
    decoded = decode(values, permutations, seed)
    return {
        **found, "unit": spearman_brown(r, values.shape[1]), "units": units, "units_ceiling": ceiling_of(units),
        "accuracy": decoded.accuracy.mean(),
        "accuracy_repeat": decoded.accuracy, "accuracy_p": decoded.p, "confusion": decoded.confusion,
    }  # fmt: skip


def _table(found: Mapping[str, Mapping[str, Any]], n: int, count: int, **attrs: Any) -> xr.Dataset:
    sizes = {"repeat": count, "stimulus": n, "other": n}
    variables = {}
    for name in (*OF_REGION, *DIMS):
        dims = DIMS.get(name, ())
        empty = np.full([sizes[d] for d in dims], np.nan)
        values = np.array([of.get(name, empty) for of in found.values()], np.float64)
        variables[name] = (("region", *dims), values)
    units = {name: of.get("unit", np.empty(0)) for name, of in found.items()}
    variables["unit"] = (("unit_of",), np.concatenate(list(units.values())))
    variables["chance"] = ((), np.array(1 / n))
    coords = {
        "region": list(found),
        "unit_region": ("unit_of", [name for name, of in units.items() for _ in of]),
        "unit_number": ("unit_of", [k for of in units.values() for k in range(len(of))]),
    }
    return xr.Dataset(variables, coords, {"n": n, **attrs})
