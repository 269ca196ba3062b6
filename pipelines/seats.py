"""Who takes part in a study: each model with its feature table, or with what extracts one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from consilience.connectors.datasets.fetching import NotFetched
from consilience.engine.errors import BadInput, unknown
from consilience.engine.extraction.interfaces import Model, NotInstalled, Remote, StimulusSet
from consilience.engine.extraction.job import Job, plan_job, table_spec
from consilience.engine.features import FeatureStore, FeatureTable
from consilience.engine.features.schema import LayerInfo, digest, layer_infos
from consilience.pipelines.bills import paid
from consilience.pipelines.console import Console
from consilience.pipelines.studyfiles.common import StudyFile
from consilience.pipelines.studyfiles.entries import ModelEntry
from consilience.pipelines.studyfiles.located import Loc


@dataclass(frozen=True)
class Seat:
    """One model of the study: its feature table, or what extracts one."""

    entry: ModelEntry
    name: str
    digest: str
    table: FeatureTable | None = None
    model: Model | None = None
    stimuli: StimulusSet | None = None
    job: Job | None = None

    @property
    def samples(self) -> int:
        """Samples of the table; of one not yet extracted, before any is rejected."""
        return self.table.n if self.table else self.job.samples if self.job else 0

    @property
    def spec(self) -> dict[str, Any]:
        """What decides the features, as the table's manifest has it, or will have it."""
        if self.table is not None:
            return dict(self.table.manifest["spec"])
        assert self.model is not None
        assert self.stimuli is not None
        assert self.job is not None
        return table_spec(self.model, self.stimuli, self.job)

    @property
    def sample_ids(self) -> np.ndarray:
        """Of the table; of one not yet extracted, before any is rejected."""
        if self.table is not None:
            return self.table.sample_ids
        return np.array(list(self.stimuli.sample_ids()) if self.stimuli else (), object)

    @property
    def layers(self) -> dict[str, int]:
        """The layers that the study asks for, in order of depth, with their numbers of units."""
        return {name: info.dim for name, info in self.infos.items()}

    @property
    def infos(self) -> dict[str, LayerInfo]:
        """Of those layers what the table holds; of one not yet extracted, what it will hold."""
        if self.table is None:
            return layer_infos(self.job.schema()) if self.job else {}
        return {k: v for k, v in self.table.layers.items() if _matches(k, self.entry.layers)}


def seated(study: StudyFile, stimuli: str, store: FeatureStore) -> tuple[tuple[Seat, ...], dict[str, str]]:
    """The seats of a study of those stimuli, and of each model that is not installed how to add it.

    Raises StudyError, with the place in the file, for a model, layer, pool or stimulus set that neither is registered
    nor stands in the store.
    """
    opened = {name: open_set(name) for name in dict.fromkeys(x.on(stimuli) for x in study.models)}
    seats, left_out = [], {}
    for i, entry in enumerate(study.models):
        shown = entry.on(stimuli)
        there, absent = opened[shown]
        try:
            seats.append(_seat(entry, shown, store, there, absent))
        except NotInstalled as missing:
            left_out[entry.name] = str(missing)
        except BadInput as bad:
            place: Loc = ("models", i)
            if bad is absent or isinstance(bad, NotFetched):
                place = study.names_stimuli if shown == stimuli else (*place, "stimuli")
            raise study.error(place, bad) from bad
    if not seats:
        reasons = "; ".join(f"{k}: {v}" for k, v in left_out.items())
        raise study.error(
            ("models",),
            BadInput("at least one model that is installed or in the store", reasons, "install one"),
        )
    return tuple(seats), left_out


def open_set(name: str) -> tuple[StimulusSet | None, BadInput | None]:
    """The stimulus set, or why there is none; tables that the store holds can do without."""
    from consilience.connectors.stimuli import open_stimuli

    try:
        return open_stimuli(name), None
    except BadInput as bad:
        return None, bad


def _seat(
    entry: ModelEntry, shown: str, store: FeatureStore, stimuli: StimulusSet | None, absent: BadInput | None
) -> Seat:
    from consilience.connectors.models import open_model

    held = _held(entry, shown if stimuli is None else stimuli.name, store)
    try:
        model = open_model(entry.name, entry.options)
    except BadInput as bad:
        if held is None:
            known = sorted({model for model, on in store.names() if on == shown})
            if isinstance(bad, NotInstalled) or not known:
                raise
            raise BadInput(bad.expected, bad.got, f"{bad.fix} The store holds: {', '.join(known)}") from bad
        return held
    if stimuli is None:
        assert absent is not None
        if held is None:
            # A set that is not installed leaves its models out; a name that does not exist is a mistake.
            raise absent
        return held
    job = plan_job(model, stimuli, entry.wanted, entry.pool, **entry.computed)
    spec = table_spec(model, stimuli, job)
    key = digest(spec)
    table = store.find(model.card.name, stimuli.name, key) or _with_more(spec, model, stimuli, store)
    return Seat(entry, model.card.name, table.digest if table else key, table, model, stimuli, job)


def _with_more(
    spec: dict[str, Any], model: Model, stimuli: StimulusSet, store: FeatureStore
) -> FeatureTable | None:
    """A table of the same features with more layers, if the store holds one: nothing is extracted to choose fewer."""
    for table in store.tables(model.card.name, stimuli.name):
        known = table.manifest["spec"]
        layers = {digest(x) for x in known.get("layers", []) if isinstance(x, dict)}
        if layer_free(known) == layer_free(spec) and layers >= {digest(x) for x in spec["layers"]}:
            return table
    return None


def layer_free(spec: dict[str, Any]) -> dict[str, Any]:
    """What in the spec of an extracted table decides every layer by itself: not which others there are, nor where parts
    are cut."""
    plain: dict[str, Any] = json.loads(json.dumps(spec))
    return {key: value for key, value in plain.items() if key not in ("layers", "shard_rows")}


def _held(entry: ModelEntry, stimuli: str, store: FeatureStore) -> Seat | None:
    """The newest table of that name in the store, whoever wrote it."""
    if (entry.name, stimuli) not in store.names():
        return None
    table = store.open(entry.name, stimuli)
    for pattern in entry.layers:
        if not any(_matches(x, [pattern]) for x in table.layers):
            raise unknown("layer", pattern, table.layers)
    return Seat(entry, table.model, table.digest, table)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, p) for p in patterns)


def cards(seats: Sequence[Seat], study: StudyFile) -> dict[str, dict[str, Any]]:
    """The cards of the models: what their tables hold, which may be nothing of a user's own features, and what else is
    known of models of that name."""
    from consilience.connectors.models.facts import told

    own = study.own_cards()
    held = {x.name: dict(x.table.meta.get("card", {})) for x in seats if x.table is not None}
    found = {name: told(name, card, own) for name, card in held.items()}
    return {name: card for name, card in found.items() if card}


def unmade(seats: Sequence[Seat]) -> tuple[Seat, ...]:
    """The same seats, of which nothing is extracted yet. Those of features that were brought keep their tables, and
    those of models behind a paid endpoint, where nobody wants to pay for the same twice.

    Raises BadInput for such a model that has no table: it is not asked for what would be thrown away.
    """
    for seat in seats:
        if seat.table is None and isinstance(seat.model, Remote):
            raise BadInput(
                f"features of {seat.name} in the store", "none, and every answer of its endpoint is paid for",
                "run the study once without --fresh",
            )  # fmt: skip
    return tuple(seat if kept_as_is(seat) else replace(seat, table=None) for seat in seats)


def kept_as_is(seat: Seat) -> bool:
    """Whether its features are not extracted once more: see `unmade`."""
    return seat.job is None or isinstance(seat.model, Remote)


def extract_missing(given: Sequence[Seat], store: FeatureStore, console: Console) -> tuple[Seat, ...]:
    """The same seats with a table in each; replicas start only if a table is missing, and extract side by side."""
    wanting = [seat for seat in given if seat.table is None]
    if not wanting:
        return tuple(given)
    from consilience.engine.extraction import Extraction, extract_all

    wanted = []
    for seat in wanting:
        assert seat.model is not None
        assert seat.stimuli is not None
        entry = seat.entry
        wanted.append(
            Extraction(seat.model, seat.stimuli, entry.wanted, entry.pool, entry.computed, entry.gpus)
        )
    console.say("Extraction")
    with console.watching() as progress:
        made = extract_all(wanted, store, progress=progress)
    for one, table in zip(wanted, made):
        if said := paid(one.model, table):
            console.say(said)
    tables = iter(made)
    return tuple(replace(seat, table=next(tables)) if seat.table is None else seat for seat in given)
