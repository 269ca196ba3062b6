"""A set of subjects under one name: read one at a time, cleaned, and written as feature tables."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from consilience.connectors.brains.cleaning import usable
from consilience.connectors.brains.interfaces import Excluded, Region, Store, Subject
from consilience.engine.errors import BadInput, unknown

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """What `Brains.write` left in a store: `tables` by model name, and what of the data is not in them."""

    tables: dict[str, Any]
    excluded: tuple[Excluded, ...]


@dataclass(frozen=True)
class Brains:
    """A brain data set: `names` of its subjects, and `load`, which reads one of them or of the `references`.

    `references` are recordings that stand beside the subjects (another species, the mean of a group) and are never
    counted among them. `fingerprint` changes whenever a sample id or a response does. `stimuli` names the stimulus set
    that was shown, where one of the same ids is registered. Nothing is read or fetched before it is needed.
    """

    name: str
    names: Sequence[str]
    load: Callable[[str], Subject]
    fingerprint: str
    licence: str = "not stated"
    citation: str = "not stated"
    url: str = ""
    references: Sequence[str] = ()
    stimuli: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    def subject(self, name: str) -> Subject:
        """One subject, or reference, without what cannot be used.

        Raises BadInput for a name that is not known, and when nothing of the subject can be used.
        """
        if name not in (*self.names, *self.references):
            raise unknown(f"subject of {self.name}", name, (*self.names, *self.references))
        found = usable(self.load(name))
        if not found.regions:
            raise BadInput(
                f"a subject of {self.name} with responses that vary",
                f"{name}: {'; '.join(f'{x.what}, {x.reason}' for x in found.excluded)}",
                "leave this subject out",
            )
        return found

    def read(self) -> Iterator[Subject]:
        """Every subject, then every reference, one at a time, without what cannot be used. One of whom nothing can be
        used comes too, with no regions and the reasons."""
        for name in (*self.names, *self.references):
            yield usable(self.load(name))

    def write(self, store: Store, *, trials: bool = False) -> Written:
        """Write the tables ``<data set>.<subject>`` on the stimuli ``<data set>``; layers are the regions.

        Where repeats are kept apart that table is their mean, and each repeat has a table
        ``<data set>.<subject>@<repeat>`` on the same samples; with `trials` there is one table a subject instead, in
        which every repeat of every stimulus is a row. Nuisance spaces go to ``<data set>.<subject>@nuisance``. A
        subject of whom nothing can be used gets no table. What was left out is logged, and stands in `Written` and in
        the ``meta`` of the table.

        Raises BadInput when nothing of any subject can be used.
        """
        tables: dict[str, Any] = {}
        excluded: list[Excluded] = []
        for subject in self.read():
            excluded += subject.excluded
            if not subject.regions:
                continue
            for model, part, spaces in _parts(f"{self.name}.{subject.name}", subject, trials):
                tables[model] = _write(store, model, self.name, part, spaces, self._meta(part))
        for item in excluded:
            _LOG.warning("%s: left out %s", self.name, item)
        if not tables:
            raise BadInput(
                f"responses that vary in {self.name}", "; ".join(map(str, excluded)), "check the recordings"
            )
        return Written(tables, tuple(excluded))

    def _meta(self, subject: Subject) -> dict[str, Any]:
        return {
            "kind": "brain",
            "data_set": self.name,
            "subject": subject.name,
            "reference": subject.reference,
            "licence": self.licence,
            "citation": self.citation,
            "url": self.url,
            "fingerprint": self.fingerprint,
            "stimulus_set": self.stimuli,
            "excluded": [asdict(x) for x in subject.excluded],
            **self.notes,
        }


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
    from dataclasses import replace

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
    import numpy as np

    whole = sha256()
    for subject in subjects:
        shapes = {name: [r.kind, *r.values.shape, str(r.values.dtype)] for name, r in subject.regions.items()}
        whole.update(json.dumps([subject.name, list(subject.sample_ids), shapes]).encode())
        for region in subject.regions.values():
            whole.update(np.ascontiguousarray(region.values).data)
    return whole.hexdigest()


def _parts(model: str, subject: Subject, trials: bool) -> Iterator[tuple[str, Subject, dict[str, Region]]]:
    """The tables of a subject: the model's name, what decides its rows, and the layers."""
    whole = subject.trials() if trials else subject
    yield model, whole, {name: region.mean() for name, region in whole.regions.items()}
    for index, repeat in enumerate(whole.repeats):
        yield f"{model}@{repeat}", whole, dict(whole.repeat(index).regions)
    if whole.nuisance:
        yield f"{model}@nuisance", whole, {name: Region(space) for name, space in whole.nuisance.items()}


def _write(
    store: Store, model: str, stimuli: str, subject: Subject, layers: dict[str, Region], meta: dict[str, Any]
) -> Any:
    rdms = {name: "rdm" for name, region in layers.items() if region.kind == "rdm"}
    places = {
        name: region.coordinates.round(3).tolist()
        for name, region in layers.items()
        if region.coordinates is not None
    }
    groups = list(subject.groups) if subject.groups is not None else None
    return store.write(
        model,
        stimuli,
        subject.sample_ids,
        {name: region.values for name, region in layers.items()},
        meta={**meta, "groups": groups, "coordinates": places},
        **({"kinds": rdms} if rdms else {}),
    )
