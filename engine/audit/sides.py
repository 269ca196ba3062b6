"""The one representation of each side of an audit; without some of its units, and on some of its samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.finite import check
from consilience.engine.features.join import join
from consilience.engine.features.representation import Representation
from consilience.engine.features.representations import representations
from consilience.engine.features.source import Source, given
from consilience.engine.features.table import FeatureTable


def side(features: Any, name: str) -> Representation:
    """The one representation that `features` hold; a plain array is called `name`.

    Raises:
        BadInput: if they hold more than one, or an RDM.
    """
    if isinstance(features, Representation):
        return features
    tables = isinstance(features, FeatureTable | Mapping) or (
        isinstance(features, Sequence) and all(isinstance(f, FeatureTable) for f in features)
    )
    found = representations(features if tables else {name: features})
    if len(found) > 1:
        shown = ", ".join(r.name for r in found[:3]) + (", …" if len(found) > 3 else "")
        raise BadInput(
            f"one representation as {name}", f"{len(found)} ({shown})",
            "choose one layer: an array, or {'model/layer': table.dataset()['layer']}",
        )  # fmt: skip
    if found[0].rdm:
        raise BadInput(
            f"features as {name}",
            "an RDM, which has no units",
            "call consilience.compare for it, or score(metric, x, y)",
        )
    return found[0]


@dataclass(frozen=True)
class Pair:
    """Two representations of the same samples. `names` are the user's; `dropped` counts what the join left out."""

    x: Representation
    y: Representation
    names: dict[str, str]
    dropped: dict[str, int]


def pair(x: Any, y: Any) -> Pair:
    """Both sides on the samples they share, checked. They are called x and y, for they may be the same."""
    sides = {"x": side(x, "x"), "y": side(y, "y")}
    both = join(list(sides.values()))
    left, right = (
        replace(check(r), model=name, layer="", sample_ids=None)
        for r, name in zip(both.representations, sides)
    )
    names, dropped = {k: r.name for k, r in sides.items()}, {k: r.n - both.n for k, r in sides.items()}
    return Pair(left, right, names, dropped)


@dataclass(frozen=True)
class UnitSource:
    """Some units of another source, read with it block by block."""

    source: Source
    units: np.ndarray

    def take(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return given(self.source.take(rows)[:, self.units], out)


def without(r: Representation, units: np.ndarray, name: str) -> Representation:
    """The same samples without those units, as layer `name`."""
    if not len(units):
        return replace(r, layer=name)
    kept = np.delete(np.arange(r.d), units)
    return replace(r, layer=name, d=len(kept), source=UnitSource(r.source, kept))


def sampled(r: Representation, rows: np.ndarray) -> Representation:
    """Rows `rows` of a representation, in that order."""
    return r.joined(rows)
