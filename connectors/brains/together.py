"""Subjects that are in memory, as a data set: who lacks stimuli that another has is refused, or counted."""

import json
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np

from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.interfaces import Excluded, Subject
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
    everything = list(dict.fromkeys(i for s in subjects for i in s.sample_ids))
    found = {s.name: _with_missing(s, everything, missing) for s in subjects}
    if len(found) < len(subjects):
        raise BadInput(f"every subject of {name} once", ", ".join(s.name for s in subjects), "rename them")
    names = [s.name for s in subjects if not s.reference]
    references = [s.name for s in subjects if s.reference]
    return Brains(name, names, found.__getitem__, _fingerprint(subjects), references=references, **more)


def _with_missing(subject: Subject, everything: Sequence[str], missing: str) -> Subject:
    held = set(subject.sample_ids)
    absent = [i for i in everything if i not in held]
    if not absent:
        return subject
    first = ", ".join(repr(i) for i in absent[:3]) + (", …" if absent[3:] else "")
    if missing == "refuse":
        raise BadInput(
            f"all {len(everything)} stimuli in every subject",
            f"{subject.name} without {len(absent)} of them ({first})",
            'leave them out of the others too, or pass missing="report"',
        )
    lost = Excluded(subject.name, f"of {len(everything)} stimuli ({first})", "not recorded", len(absent))
    return replace(subject, excluded=(*subject.excluded, lost))


def _fingerprint(subjects: Sequence[Subject]) -> str:
    whole = sha256()
    for subject in subjects:
        shapes = {name: [r.kind, *r.values.shape, str(r.values.dtype)] for name, r in subject.regions.items()}
        whole.update(json.dumps([subject.name, list(subject.sample_ids), shapes]).encode())
        for region in subject.regions.values():
            whole.update(np.ascontiguousarray(region.values).data)
    return whole.hexdigest()
