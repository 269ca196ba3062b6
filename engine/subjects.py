"""The subjects of a study of brains: one representation each, of one region."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.rdm import RDM
from consilience.engine.features.representation import Representation
from consilience.engine.features.representations import representations
from consilience.engine.features.table import FeatureTable

Subjects = Mapping[str, Any] | Iterable[Any]


def subjects_of(given: Subjects, least: int = 2) -> list[Representation]:
    """The representation of each subject, of which there are `least` or more.

    Args:
        given: a mapping from names to arrays (n, d), RDMs or feature tables of one layer; a list of these, of which
            those without a name are called "subject 1" and so on; or a stack (subjects, n, n) of RDMs.

    Raises:
        BadInput: for fewer subjects, and for a subject of several layers.
    """
    if isinstance(given, np.ndarray):
        given = _unstacked(given)
    found = []
    for name, value in given.items() if isinstance(given, Mapping) else _named(given):
        its = [value] if isinstance(value, Representation) else representations({name: value})
        if len(its) > 1:
            raise BadInput(
                f"one region of the subject {name!r}", f"{len(its)} ({', '.join(r.layer for r in its[:3])}, …)",
                "choose one layer: {name: table.dataset()['layer']}, or of kind rdm {name: table.rdm('layer')}",
            )  # fmt: skip
        found += its
    names = [r.name for r in found]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise BadInput("every subject once", f"{', '.join(twice)} twice", "give each its own name")
    if len(found) < least:
        raise BadInput(f"{least} subjects or more", str(len(found)), "add subjects")
    return found


def _unstacked(stack: np.ndarray) -> list[RDM]:
    if stack.ndim != 3 or stack.shape[1] != stack.shape[2]:
        raise BadInput(
            "a stack of RDMs of shape (subjects, n, n)", f"shape {stack.shape}",
            "give a list with an array (n, d) or an RDM for each subject",
        )  # fmt: skip
    return [RDM(values) for values in stack]


def _named(given: Iterable[Any]) -> list[tuple[str, Any]]:
    return [
        (value.model if isinstance(value, FeatureTable) else f"subject {k}", value)
        for k, value in enumerate(given, 1)
    ]
