"""Subjects that are in memory, as a data set: who lacks stimuli that another has is refused, or counted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np

from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.interfaces import Excluded, Subject
from consilience.connectors.brains.missing import missing_of
from consilience.engine.errors import BadInput, unknown


def of_subjects(
    name: str,
    subjects: Sequence[Subject],
    *,
    missing: str = "refuse",
    **more: Any,
) -> Brains:
    """A data set of subjects that are in memory; `more` is licence, citation, url and so on, as in `Brains`.

    A subject who lacks stimuli that another has is refused, or with ``missing="report"`` counted: a comparison then
    joins on what all have in common.
    """
    if missing not in ("refuse", "report"):
        raise unknown("way with missing stimuli", missing, ("refuse", "report"))
    if not subjects:
        raise BadInput(f"at least one subject in {name}", "none", "check the files")
    lost = {x.subject: x for x in missing_of({s.name: s.sample_ids for s in subjects})}
    if missing == "refuse":
        _refuse(lost)
    found = {
        s.name: replace(s, excluded=(*s.excluded, lost[s.name])) if s.name in lost else s for s in subjects
    }
    if len(found) < len(subjects):
        raise BadInput(f"every subject of {name} once", ", ".join(s.name for s in subjects), "rename them")
    names = [s.name for s in subjects if not s.reference]
    references = [s.name for s in subjects if s.reference]
    return Brains(name, names, found.__getitem__, _fingerprint(subjects), references=references, **more)


def _refuse(lost: Mapping[str, Excluded]) -> None:
    for subject, missing in lost.items():
        raise BadInput(
            "all stimuli in every subject",
            f"{subject} without {missing.count} {missing.what}",
            'leave them out of the others too, or pass missing="report"',
        )


def _fingerprint(subjects: Sequence[Subject]) -> str:
    """Of everything that reaches a table, and in which order."""
    whole = sha256()
    for subject in subjects:
        arrays = {name: region.values for name, region in subject.regions.items()}
        arrays |= {
            f"{name} where": r.coordinates for name, r in subject.regions.items() if r.coordinates is not None
        }
        arrays |= {f"beside {name}": np.asarray(space) for name, space in subject.nuisance.items()}
        shapes = {name: [*x.shape, str(x.dtype)] for name, x in arrays.items()}
        kinds = [region.kind for region in subject.regions.values()]
        groups = None if subject.groups is None else [str(x) for x in subject.groups]
        said = [subject.name, list(subject.sample_ids), kinds, shapes, list(subject.repeats), groups]
        whole.update(json.dumps([*said, subject.reference]).encode())
        for values in arrays.values():
            whole.update(np.ascontiguousarray(values).data)
    return whole.hexdigest()
