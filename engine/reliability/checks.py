"""What was given as repeats, refused before any compute where it is none."""

from collections.abc import Mapping, Sequence

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.rdm import RDM

LEAST_STIMULI = 4
Repeats = np.ndarray | Sequence[RDM]


def checked(regions: Mapping[str, Repeats]) -> tuple[int, int]:
    """The numbers of stimuli and of repeats, which are the same in all regions; BadInput where they are not."""
    if not regions:
        raise BadInput("at least one region", "none", "name responses")
    shapes = {name: _shape(name, values) for name, values in regions.items()}
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{n} x {repeats} in {name!r}" for name, (n, repeats) in shapes.items())
        raise BadInput(
            "the same stimuli and repeats in all regions", told, "look at the others by themselves"
        )
    ((n, repeats),) = set(shapes.values())
    if n < LEAST_STIMULI:
        raise BadInput(f"{LEAST_STIMULI} stimuli or more", str(n), "take more")
    return n, repeats


def _shape(name: str, values: Repeats) -> tuple[int, int]:
    if not isinstance(values, np.ndarray):
        sizes = {len(x) for x in values if isinstance(x, RDM)}
        if len(values) < 2 or len(sizes) != 1 or not all(isinstance(x, RDM) for x in values):
            raise BadInput(
                f"an RDM of the same stimuli for each of two repeats or more in {name!r}",
                f"{len(values)} values, of {', '.join(map(str, sorted(sizes))) or 'no'} stimuli",
                "give a list of cs.RDM",
            )  # fmt: skip
        return len(values[0]), len(values)
    if values.ndim != 3 or values.shape[1] < 2 or values.shape[2] < 1 or values.dtype.kind not in "fiu":
        raise BadInput(
            f"numbers of shape (stimuli, repeats, units) in {name!r}, of two repeats or more",
            f"{values.dtype} of shape {values.shape}", "keep the repeats apart, or leave the region out",
        )  # fmt: skip
    if broken := int((~np.isfinite(values)).any(axis=(0, 1)).sum()):
        raise BadInput(
            f"finite responses in {name!r}",
            f"NaN or infinity in {broken} of {values.shape[2]} units",
            "leave those units out",
        )
    return values.shape[0], values.shape[1]
