"""What a brain study needs, settled before any compute: its recordings, who sits where, and what decides results."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.connectors.brains import Brains, open_brains
from consilience.engine.errors import BadInput, unknown
from consilience.engine.features import FeatureStore
from consilience.engine.features.schema import digest
from consilience.pipelines.brain.recordings import Recordings, recordings_of
from consilience.pipelines.brain.study import BrainStudy
from consilience.pipelines.seats import Seat, seated, unmade
from consilience.pipelines.studyfiles.matching import matched

if TYPE_CHECKING:
    from consilience.engine.features.representation import Representation

Spec = str | dict[str, Any]
DEFAULT = "rsa:compare=spearman"
FORM = 2  # of what a run leaves; since 2 it holds the outcomes
LEAST_SUBJECTS = 2  # of a comparison; reliability is of each by itself


@dataclass(frozen=True)
class Prepared:
    """A brain study with its recordings read and its models seated.

    `metrics` are the canonical ids of the metrics of layers with regions. `left_out` says of each model that is not
    installed how to add it.
    """

    study: BrainStudy
    store: FeatureStore
    recordings: Recordings
    seats: tuple[Seat, ...]
    regions: tuple[str, ...]
    metrics: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def stimuli(self) -> str:
        """The stimulus set of the study."""
        return stimuli_of(self.study, self.recordings.brains)

    def seated(self, seats: tuple[Seat, ...]) -> "Prepared":
        """With other seats."""
        return replace(self, seats=seats)

    def anew(self, folder: Path) -> "Prepared":
        """The same study of which nothing is read, extracted or computed, and which writes everything into `folder`."""
        store = FeatureStore(folder / "features")
        recordings = recordings_of(self.recordings.brains, store, lambda: None)
        return replace(self, store=store, recordings=recordings, seats=unmade(self.seats))

    def fingerprint(self) -> str:
        """The digest of everything that decides the result."""
        return digest(
            {
                "version": version("consilience"),
                "form": FORM,
                "study": self.study.decisive(),
                "brains": self.recordings.brains.fingerprint,
                "recordings": self.recordings.digests(),
                "excluded": [str(x) for x in self.recordings.excluded],
                "tables": {seat.name: seat.digest for seat in self.seats},
                "left_out": sorted(self.left_out),
            }
        )

    def key(self, what: str, *, with_models: bool = True, **more: Any) -> str:
        """The digest of what decides one part of the results, which are the same in every study that has that part."""
        tables = [[seat.name, seat.digest, *seat.layers] for seat in self.seats if with_models]
        return digest({"part": what, "version": version("consilience"), "tables": tables, **more})

    def layers(self) -> "list[Representation]":
        """The layers that the study asks for, in the order of models and depth."""
        from consilience.engine.features.representations import representations

        wanted = {(seat.name, layer) for seat in self.seats for layer in seat.layers}
        tables = {seat.name: seat.table for seat in self.seats}
        return [x for x in representations(tables) if (x.model, x.layer) in wanted]

    def brains(self) -> "dict[str, dict[str, Representation]]":
        """Subject -> region -> recording."""
        from consilience.engine.features.representations import representations

        return {
            subject: {x.layer: x for x in representations({subject: table}) if x.layer in self.regions}
            for subject, table in self.recordings.subjects.items()
        }


def stimuli_of(study: BrainStudy, brains: Brains) -> str:
    """The stimulus set of a study; without models there may be none. StudyError where nothing names one."""
    if study.models and not study.stimuli and not brains.stimuli:
        nothing = BadInput(
            f"the stimuli of {brains.name}", "none", "add `stimuli:`, under the ids of its rows"
        )
        raise study.error(("brain",), nothing)
    return study.stimuli or brains.stimuli


def prepare(study: BrainStudy, reading: Callable[[Brains], Any]) -> Prepared:
    """Look up every name of `study`; `reading` is called with the data set before it is read, or fetched.

    Raises StudyError, with the place in the file, for a name that is not known, and what cannot be done.
    """
    store = FeatureStore(study.store_place)
    kind, colon, argument = study.brain.name.partition(":")
    named = f"{kind}:{study.path(argument)}" if colon and argument else study.brain.name
    try:
        brains = open_brains(named, base=study.file.parent, **(study.brain.model_extra or {}))
    except BadInput as bad:
        raise study.error(("brain",), bad) from bad
    asked = _metrics(study, brains)
    study = matched(study, stimuli_of(study, brains), store) if study.models else study
    seats, left_out = seated(study, stimuli_of(study, brains), store) if study.models else ((), {})
    try:
        recordings = recordings_of(brains, store, lambda: reading(brains))
    except BadInput as bad:
        raise study.error(("brain",), bad) from bad
    if study.models and len(recordings.subjects) < LEAST_SUBJECTS:
        few = BadInput(
            f"{LEAST_SUBJECTS} subjects or more in {brains.name}", str(len(recordings.subjects)), "add some"
        )
        raise study.error(("brain",), few)
    if both := sorted(recordings.subjects.keys() & {seat.name for seat in seats}):
        raise study.error(
            ("models",),
            BadInput("models and subjects of different names", f"{both[0]!r} as both", "rename one"),
        )
    for i, space in enumerate(study.encode.nuisance if study.encode else ()):
        if space not in recordings.spaces:
            raise study.error(
                ("encode", "nuisance", i),
                unknown(f"nuisance space of {brains.name}", space, recordings.spaces),
            )
        for subject in recordings.subjects:
            beside = recordings.nuisance(subject)
            if beside is None or space not in beside.layers:
                alone = BadInput(
                    f"the nuisance space {space!r} of every subject", f"{subject} without it",
                    "leave the space or the subject out",
                )  # fmt: skip
                raise study.error(("encode", "nuisance", i), alone)
    if study.encode is not None:
        _check_folds(study, recordings)
    if study.reliability is not None:
        _check_reliability(study, recordings)
    regions = tuple(study.chosen(recordings.regions))
    if study.hierarchy is not None:
        from consilience.engine.alignment.sides import check_hierarchy

        try:
            check_hierarchy(study.hierarchy, regions)
        except BadInput as bad:
            raise study.error(("hierarchy",), bad) from bad
    metrics = _ids(asked, seats, recordings, regions)
    return Prepared(study, store, recordings, seats, regions, metrics, left_out)


def _ids(
    metrics: Sequence[Spec], seats: Sequence[Seat], recordings: Recordings, regions: Collection[str]
) -> tuple[str, ...]:
    """The canonical ids of metrics of these layers with these regions."""
    from consilience.engine.reading import of_brains

    units = [d for seat in seats for d in seat.layers.values()]
    for table in recordings.subjects.values():
        units += [1 if x.kind == "rdm" else x.dim for name, x in table.layers.items() if name in regions]
    return tuple(of_brains(metrics, units)) if metrics else ()


def _check_folds(study: BrainStudy, recordings: Recordings) -> None:
    """Runs are whole in folds, so there are as many or more, or a gap for which they are cut."""
    assert study.encode is not None
    for subject, table in recordings.subjects.items():
        runs = len(set(table.meta.get("groups") or ()))
        if 0 < runs < study.encode.folds and not study.encode.gap:
            few = BadInput(
                f"{study.encode.folds} runs or more, for as many folds", f"{runs} of {subject}",
                "use fewer folds (3 or more), or add `gap:`, as long as the response: runs are then cut",
            )  # fmt: skip
            raise study.error(("encode", "folds"), few)


def _check_reliability(study: BrainStudy, recordings: Recordings) -> None:
    from consilience.engine.reliability.rdms import request_of

    assert study.reliability is not None
    try:
        request_of(study.reliability.metric.spec())
    except BadInput as bad:
        raise study.error(("reliability", "metric"), bad) from bad
    if not any(map(recordings.repeats, recordings.subjects)):
        once = BadInput(
            f"stimuli of {recordings.brains.name} whose repeats are kept apart",
            "none",
            "leave `reliability:` out",
        )
        raise study.error(("reliability",), once)


def _metrics(study: BrainStudy, brains: Brains) -> list[Spec]:
    """Those asked for. Where rows are time points permutations of rows are no null, so there are none."""
    from consilience.engine.metrics import parse

    if not study.models:
        return []
    asked = study.metrics if study.metrics is not None else []
    if brains.on_rows is not None:
        if asked:
            over_time = BadInput(
                f"no metric of layers with regions on {brains.name}, whose rows are time points", asked[0].name,
                "use `encode:`, whose folds and null keep neighbouring rows together",
            )  # fmt: skip
            raise study.error(("metrics",), over_time)
        if study.encode is None:
            raise study.error(
                ("brain",),
                BadInput(f"`encode:` for {brains.name}, whose rows are time points", "none", "add it"),
            )
        return []
    found: list[str] = []
    specs: list[Spec] = [DEFAULT] if study.metrics is None else [x.spec() for x in asked]
    for i, spec in enumerate(specs):
        try:
            request = parse(spec)
        except BadInput as bad:
            raise study.error(("metrics", i), bad) from bad
        if request.metric.single or request.repeats or request.labelled:
            wanting = BadInput(
                "a metric that compares layers with regions by themselves", request.id, "leave it out"
            )
            raise study.error(("metrics", i), wanting)
        if request.id in found:
            raise study.error(
                ("metrics", i), BadInput("each metric once", f"{request.id!r} twice", "remove one")
            )
        found.append(request.id)
    if not found and study.encode is None:
        raise study.error(("metrics",), BadInput("a metric, or `encode:`", "neither", "add one, such as rsa"))
    return specs
