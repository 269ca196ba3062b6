"""The audit of one pair of representations: the call, and what it returns."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.audit import agreement, bias, dominance, outliers, size
from consilience.engine.audit.findings import Finding, find
from consilience.engine.audit.sides import pair
from consilience.engine.errors import BadInput
from consilience.engine.machine import check_device
from consilience.engine.metrics.registry import parse
from consilience.engine.progress import Progress, silent

TOP = (0, 1, 2, 5, 10, 20)
LEAST_SAMPLES = 24  # ten neighbours within half of them


@dataclass(frozen=True)
class Audit:
    """Where the metrics of one pair disagree, and why.

    Attributes:
        names: of x and of y. d: their units. n: samples in common.
        agreement: all metrics, also on one scale; see `consilience.engine.audit.agreement`.
        dominance: "x" and "y" -> where the variance of that side lies, and what of CKA its leading units carry.
        outliers: scores after the units of largest variance are removed from either side.
        size: scores of subsamples.
        bias: biased against unbiased CKA.
        findings: what follows, each by a stated rule.
        about: version, seed, seconds, and the samples that the join dropped.
    """

    names: Mapping[str, str]
    d: Mapping[str, int]
    n: int
    agreement: xr.Dataset
    dominance: Mapping[str, xr.Dataset]
    outliers: xr.Dataset
    size: xr.Dataset
    bias: xr.Dataset
    findings: tuple[Finding, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        sentences = "".join(f"\n- {finding.text}" for finding in self.findings)
        return f"<Audit of {self.names['x']} and {self.names['y']}, {self.n} samples>{sentences}"


def audit(
    x: Any,
    y: Any,
    *,
    metrics: Iterable[str | Mapping[str, Any]] | None = None,
    top: Iterable[int] = TOP,
    sizes: Iterable[int] | None = None,
    repeats: int = 5,
    seed: int = 0,
    budget: str | float = "8GB",
    device: str = "cpu",
    progress: Progress = silent,
) -> Audit:
    """Where the metrics of x (n, d1) with y (n, d2) disagree, and why.

    Args:
        x, y: one representation each: an array (NumPy, Dask, xarray), a feature table of one layer, or a mapping from
            a name to one of these. Features with sample ids are joined on them.
        metrics: of `agreement`; None for eleven of all families.
        top: numbers of units to remove, those of largest variance first. 0 and the number of units that stand out are
            added; those that would leave no variance are passed over.
        sizes: of subsamples; None for n, n/2, n/4, … `repeats` of each are drawn.
        budget: memory above the inputs. device: of the block kernels. seed: decides groups, permutations, subsamples.
        progress: called as progress(stage, done, total).

    The cost grows with n²: take a sample of the rows where there are many.

    Raises:
        BadInput: before any score is computed, for input that cannot be audited.
    """
    start = time.perf_counter()
    both = pair(x, y)
    left, right, n = both.x, both.y, both.x.n
    if n < LEAST_SAMPLES:
        raise BadInput(f"at least {LEAST_SAMPLES} samples", str(n), "audit on more stimuli, or check the ids")
    wanted = agreement.METRICS if metrics is None else metrics
    requests = list(map(parse, [wanted] if isinstance(wanted, str | Mapping) else wanted))
    tops = _whole("top", top, 0)
    chosen = size.geometric(n) if sizes is None else _whole("sizes", sizes, LEAST_SAMPLES, n)
    (repeats,) = _whole("repeats", [repeats], 1)
    options: dict[str, Any] = {"seed": seed, "budget": budget, "device": check_device(device)}
    dominance.check_budget(left, right, budget)

    scored = agreement.agreement(left, right, requests, progress=_within("agreement", progress), **options)
    xx, yy, xy = dominance.covariances(left, right, device=device, progress=_within("units", progress))
    found = {"x": dominance.spread(xx, xy, n), "y": dominance.spread(yy, xy.T, n)}
    removed = outliers.outliers(
        left, right, [f["order"].values for f in found.values()],
        [dominance.removable(f, tops) for f in found.values()],
        progress=_within("outliers", progress), **options,
    )  # fmt: skip
    watched = {"progress": _within("units", progress), **options}
    whole = Audit(
        names=both.names,
        d={"x": left.d, "y": right.d},
        n=n,
        agreement=scored,
        dominance={
            "x": dominance.carried(left, right, found["x"], **watched),
            "y": dominance.carried(right, left, found["y"], **watched),
        },
        outliers=removed,
        size=size.size(left, right, chosen, repeats, progress=progress, **options),
        bias=bias.bias(left, right, progress=_within("bias", progress), **options),
    )
    about = {
        "version": version("consilience"), "created": datetime.now(UTC).isoformat(timespec="seconds"), "seed": seed,
        "dropped": both.dropped, "seconds": time.perf_counter() - start,
    }  # fmt: skip
    return replace(whole, findings=find(whole), about=about)


def _within(part: str, progress: Progress) -> Progress:
    """The progress of one part, whose stages are named after it."""

    def stage(stage: str, done: float, total: float) -> None:
        progress(f"{part}: {stage}", done, total)

    return stage


def _whole(name: str, given: Iterable[Any], low: int, high: int | None = None) -> list[int]:
    """Distinct whole numbers in their order; BadInput for any other, and for none."""
    values = list(given)
    right = [
        v for v in values if isinstance(v, int | np.integer) and v >= low and (high is None or v <= high)
    ]
    if not values or len(right) < len(values):
        limits = f"from {low}" + (f" to {high}" if high is not None else "")
        raise BadInput(f"{name} as whole numbers {limits}", repr(values), "leave it out for the default")
    return sorted({int(v) for v in values})
