"""A set of subjects under one name: read one at a time, cleaned, and written as feature tables."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from consilience.connectors.brains.cleaning import usable
from consilience.connectors.brains.interfaces import Excluded, Store, Subject
from consilience.connectors.brains.missing import missing_of, regions_missing_of
from consilience.connectors.brains.writing import tables_of, write_table
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
    that was shown, where one of the same ids is registered. Where rows are time points, `on_rows` brings features
    (stimuli, d) of that set, or of `stimulus_ids` where they are given, to them, with a haemodynamic response or
    without: the ids of the rows, and (rows, d). With `own_rows` each subject has rows of its own, of which another
    lacks nothing.
    `cached` says whether all of it can be read without a network. Nothing is read or fetched before it is needed.
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
    on_rows: Callable[[np.ndarray, str | None], tuple[list[str], np.ndarray]] | None = None
    stimulus_ids: Sequence[str] = ()
    own_rows: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    cached: Callable[[], bool] = lambda: True

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
        the ``meta`` of the table; which stimuli and regions a subject lacks that others have stands in `Written` alone,
        for it depends on the others.

        Raises BadInput when nothing of any subject can be used.
        """
        tables: dict[str, Any] = {}
        excluded: list[Excluded] = []
        ids: dict[str, list[str]] = {}
        regions: dict[str, list[str]] = {}
        for subject in self.read():
            excluded += subject.excluded
            ids[subject.name] = list(subject.sample_ids)
            if not subject.regions:
                continue
            regions[subject.name] = list(subject.regions)
            for model, part, spaces in tables_of(f"{self.name}.{subject.name}", subject, trials):
                tables[model] = write_table(store, model, self.name, part, spaces, self._meta(part))
        missing = () if self.own_rows else missing_of(ids, "stimuli" if self.on_rows is None else "rows")
        excluded += [x for x in missing if x.subject in regions and x not in excluded]
        told = {
            (x.subject, x.what) for x in excluded
        }  # a region whose units were all taken out has its own reason
        excluded += [x for x in regions_missing_of(regions) if (x.subject, x.what) not in told]
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
