"""Metrics that so many samples do not allow, refused before any compute."""

from collections.abc import Sequence

from consilience.engine.errors import BadInput
from consilience.engine.inference.split import split
from consilience.engine.metrics.registry import Request, parse, registered
from consilience.engine.scoring.triangles import check_size

LEAST_HELD = 4


def refuse_rdm(name: str, requests: Sequence[Request]) -> None:
    """Raise BadInput for the first of `requests` that needs units, for the RDM `name` has none."""
    for r in requests:
        if not r.of_rdms:
            known = ", ".join(name for name in sorted(registered()) if parse(name).of_rdms)
            raise BadInput(
                f"features in {name!r} for {r.id!r}", "an RDM, which has no units",
                f"leave one of the two out, or compare by {known}, which take an RDM",
            )  # fmt: skip


def refuse(requests: Sequence[Request], n: int) -> None:
    """Raise BadInput, naming the metric, for the first of `requests` that n samples are too few for."""
    for r in requests:
        samples, those = n, "samples"
        if r.needs == "triangles":
            check_size(r, n)
        if r.needs == "held_out":
            held = len(split(n, 0).held)
            samples, those = min(held, r.parameters.get("gallery", held)), "held-out samples"
            if samples < LEAST_HELD:
                raise BadInput(
                    f"at least {LEAST_HELD} held-out samples for {r.id!r}", f"{samples} of {n} samples, half of them",
                    f"compare on {2 * LEAST_HELD} samples or more",
                )  # fmt: skip
        k, folds = r.parameters.get("k", 0), r.parameters.get("folds", 0)
        if k >= samples:
            raise BadInput(
                f"k smaller than the number of {those} in {r.id!r}", f"k = {k} with {samples} {those}",
                f"use k <= {samples - 1}",
            )  # fmt: skip
        if folds == 1 or folds > n // 2:
            raise BadInput(
                f"folds of 2 samples or more in {r.id!r}, and 2 folds or more", f"folds = {folds} with {n} samples",
                f"use folds from 2 to {n // 2}, or 0 for a fit in sample",
            )  # fmt: skip
