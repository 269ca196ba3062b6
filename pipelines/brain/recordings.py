"""The recordings of a brain study, as feature tables in its store: read and written once, then opened."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from consilience.connectors.brains import Brains, Excluded
from consilience.engine.features import FeatureStore, FeatureTable
from consilience.engine.features.disk import folder_name
from consilience.engine.features.location import write_bytes
from consilience.engine.features.schema import digest

_NUISANCE = "@nuisance"
_OF_THE_WHOLE = ("fingerprint", "licence", "citation", "url")  # in what a table says of its data set
_FORM = 2  # of what is kept beside the tables; since 2 it holds the stimuli that a subject lacks


@dataclass(frozen=True)
class Recordings:
    """The feature tables of a data set by model name, and what of the data is not in them.

    A subject has the table ``<data set>.<subject>``, and may have ``@nuisance`` and one ``@<repeat>`` for each repeat.
    """

    brains: Brains
    tables: Mapping[str, FeatureTable]
    excluded: tuple[Excluded, ...]

    @property
    def subjects(self) -> dict[str, FeatureTable]:
        """Every subject of whom something can be used, by name; references are not among them."""
        return self._named(self.brains.names)

    @property
    def references(self) -> dict[str, FeatureTable]:
        """Recordings that stand beside the subjects."""
        return self._named(self.brains.references)

    @cached_property
    def regions(self) -> list[str]:
        """The regions that any subject has, in the order in which they come."""
        return list(dict.fromkeys(region for table in self.subjects.values() for region in table.layers))

    @cached_property
    def spaces(self) -> list[str]:
        """The nuisance spaces that any subject has."""
        tables = [self.nuisance(subject) for subject in self.subjects]
        return list(dict.fromkeys(name for table in tables if table is not None for name in table.layers))

    def nuisance(self, subject: str) -> FeatureTable | None:
        """The nuisance spaces of a subject, on the rows of its table."""
        return self.tables.get(f"{self.brains.name}.{subject}{_NUISANCE}")

    def repeats(self, subject: str) -> dict[str, FeatureTable]:
        """The repeats of a subject that were kept apart, by name, on the rows of its table."""
        start = f"{self.brains.name}.{subject}@"
        found = {k.removeprefix(start): table for k, table in self.tables.items() if k.startswith(start)}
        return {k: table for k, table in found.items() if f"@{k}" != _NUISANCE}

    def digests(self) -> dict[str, str]:
        """Of every subject the digests of its tables, which decide every result."""
        found = {}
        for subject, table in self.subjects.items():
            nuisance = self.nuisance(subject)
            found[subject] = self.content(table) + (self.content(nuisance) if nuisance else "")
        return found

    def content(self, table: FeatureTable) -> str:
        """The digest of what a table holds, whoever else is in the data set: a subject who joins changes no other.

        Where rows are time points it is that of the table in its data set, for how stimuli are brought to the rows
        stands in no table.
        """
        if self.brains.on_rows is not None:
            return table.digest
        spec = table.manifest["spec"]
        own = {key: value for key, value in spec["meta"].items() if key not in _OF_THE_WHOLE}
        return digest({**spec, "meta": own})

    def _named(self, names: Any) -> dict[str, FeatureTable]:
        own = {name: self.tables.get(f"{self.brains.name}.{name}") for name in names}
        return {name: table for name, table in own.items() if table is not None}


def recordings_of(brains: Brains, store: FeatureStore, reading: Callable[[], Any]) -> Recordings:
    """The recordings in `store`, read from the data set and written there unless the same ones are; `reading` is called
    before that.

    What was left out of subjects of whom nothing could be used stands in no table: it is kept beside them.
    """
    kept = store.root / f".{folder_name(brains.name)}-{brains.fingerprint[:32]}.json"
    held = json.loads(kept.read_bytes()) if kept.is_file() else {}
    if held.get("form") == _FORM:
        found = {model: store.find(model, brains.name, key) for model, key in held["tables"].items()}
        tables = {model: table for model, table in found.items() if table is not None}
        if len(tables) == len(found):
            return Recordings(brains, tables, tuple(Excluded(**x) for x in held["excluded"]))
    reading()
    written = brains.write(store)
    text = json.dumps(
        {
            "form": _FORM,
            "tables": {model: table.digest for model, table in written.tables.items()},
            "excluded": [asdict(x) for x in written.excluded],
        }
    )
    write_bytes(kept, text.encode())
    return Recordings(brains, written.tables, written.excluded)
