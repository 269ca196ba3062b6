"""What a study needs, settled before any compute: which tables the store has, which models fill the gaps.

Loads no weights and imports neither torch nor ray, so that a run with nothing left to do is over in a moment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.engine.errors import BadInput, unknown
from consilience.engine.extraction.interfaces import Labelled
from consilience.engine.features import FeatureStore
from consilience.engine.features.schema import digest
from consilience.pipelines.seats import Seat, open_set, seated, unmade
from consilience.pipelines.studyfiles.matching import matched
from consilience.pipelines.studyfiles.second import second
from consilience.pipelines.studyfiles.study import Pairs, Study

if TYPE_CHECKING:
    from consilience.engine.features.representation import Representation
    from consilience.engine.metrics.registry import Request
    from consilience.pipelines.zoo.plan import StudyPlan

OF_STIMULI = "stimuli"  # as `labels`: those that the stimulus set itself has
Name = tuple[str, str]  # model, layer


@dataclass(frozen=True)
class Comparison:
    """Metrics that are computed on the same representations, and so in the same sweep. `b` None: `a` with itself."""

    metrics: tuple[str, ...]
    a: tuple[Name, ...]
    b: tuple[Name, ...] | None


@dataclass(frozen=True)
class Profiling:
    """Metrics of one representation that are computed on the same ones."""

    metrics: tuple[str, ...]
    a: tuple[Name, ...]


@dataclass(frozen=True)
class Prepared:
    """A study, with its models seated. `left_out` says of each model that is not installed how to add it. `beside` is
    the same study on the second stimulus set that its question asks for."""

    study: Study
    store: FeatureStore
    seats: tuple[Seat, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Any] | None = None
    beside: "Prepared | None" = None

    def fingerprint(self) -> str:
        """The digest of everything that decides the result: the study, its tables and the version of the code."""
        from importlib.metadata import version

        return digest(
            {
                "version": version("consilience"),
                "study": self.study.decisive(),
                "tables": {x.name: x.digest for x in self.seats},
                "left_out": sorted(self.left_out),
                "labels": self.labels,
                "beside": None if self.beside is None else self.beside.fingerprint(),
            }
        )

    def comparisons(self) -> list[Comparison]:
        """The metrics of two representations, grouped by the layers they are asked for.

        Raises StudyError for a metric that does not exist, and where there is none of two representations.
        """
        groups: dict[tuple[tuple[Name, ...], tuple[Name, ...] | None], list[str]] = {}
        for name, single, chosen in self._asked():
            if not single:
                groups.setdefault(self._sides(chosen), []).append(name)
        if not groups:
            alone = BadInput(
                "at least one metric that compares representations", "only metrics of one",
                "add one such as cka, or call consilience.profile(tables) without a study",
            )  # fmt: skip
            raise self.study.error(("metrics",), alone)
        return [Comparison(tuple(ids), a, b) for (a, b), ids in groups.items()]

    def profiles(self) -> list[Profiling]:
        """The metrics of one representation, grouped by the layers they are asked for, whatever pairs there are."""
        groups: dict[tuple[Name, ...], list[str]] = {}
        for name, single, chosen in self._asked():
            if single:
                groups.setdefault(tuple(chosen), []).append(name)
        return [Profiling(tuple(ids), a) for a, ids in groups.items()]

    def metric_ids(self) -> list[str]:
        """The canonical ids of the study's metrics, in its order."""
        from consilience.engine.metrics import canonical

        return [canonical(x.spec()) for x in self.study.metrics]

    def _check(self, request: "Request") -> None:
        """Refuse a metric that lacks labels, repeats or samples, or of which random pairs of samples give no score."""
        from consilience.engine.scoring.refusals import refuse

        refuse([request], min(x.samples for x in self.seats))
        if request.repeats:
            raise BadInput(
                f"repeats of every sample for {request.id!r}", "feature tables, which hold one row a sample",
                "leave it out, or call consilience.compare with arrays (samples, repeats, units)",
            )  # fmt: skip
        if request.labelled and self.labels is None:
            raise BadInput(
                f"labels for {request.id!r}", "none", "add `labels:`, a file of sample ids and labels"
            )
        if self.study.until_se is not None and not request.metric.single:
            from consilience.engine.scoring.sampled import check

            check([request], self.study.until_se)

    def _asked(self) -> Iterator[tuple[str, bool, list[Name]]]:
        """Of every metric its id, whether it is of one representation, and the layers it is asked for."""
        from consilience.engine.metrics import parse

        seen: dict[str, int] = {}
        for i, entry in enumerate(self.study.metrics):
            try:
                request = parse(entry.spec())
                self._check(request)
            except BadInput as bad:
                raise self.study.error(("metrics", i), bad) from bad
            name = request.id
            if name in seen:
                twice = BadInput(
                    "each metric once", f"{name!r} in entries {seen[name] + 1} and {i + 1}", "remove one"
                )
                raise self.study.error(("metrics", i), twice)
            seen[name] = i
            chosen = [(x.name, layer) for x in self.seats for layer in entry.layers.choose(list(x.layers))]
            if not chosen:
                known = [layer for x in self.seats for layer in x.layers]
                raise self.study.error(
                    ("metrics", i, "layers"), unknown("layer", entry.layers.patterns[0], known)
                )
            yield name, request.metric.single, chosen

    def representations(self, names: Sequence[Name]) -> "list[Representation]":
        """Those layers of the tables."""
        from consilience.engine.features.representations import representations

        wanted = set(names)
        tables = {x.name: x.table for x in self.seats if any(x.name == model for model, _ in names)}
        return [x for x in representations(tables) if (x.model, x.layer) in wanted]

    def in_order(self, names: Sequence[Name]) -> list[Name]:
        """Each of `names` once, in the order of the study's models and of depth."""
        wanted = set(names)
        return [(x.name, layer) for x in self.seats for layer in x.layers if (x.name, layer) in wanted]

    def _sides(self, chosen: Sequence[Name]) -> tuple[tuple[Name, ...], tuple[Name, ...] | None]:
        pairs = self.study.pairs
        if pairs is None:
            return tuple(chosen), None
        sides = []
        for key, patterns in (("a", pairs.a), ("b", pairs.b)):
            sides.append(tuple(x for x in chosen if Pairs.matches(patterns, *x)))
            if not sides[-1]:
                known = [f"{m}/{l}" for m, l in chosen] + [x.name for x in self.seats]
                raise self.study.error(("pairs", key), unknown("model or model/layer", patterns[0], known))
        return sides[0], sides[1]

    @property
    def kept(self) -> Path:
        """The folder of what was scored already."""
        return self.study.path(self.study.output) / ".scores"

    def anew(self, folder: Path) -> "Prepared":
        """The same study, but for its question, of which nothing is extracted or scored, and which writes everything
        into `folder`."""
        study = self.study.model_copy(update={"output": str(folder), "question": None})
        store, seats = FeatureStore(folder / "features"), unmade(self.seats)
        return replace(self, study=study, store=store, seats=seats, beside=None)

    def plan(self) -> "StudyPlan":
        """What is to be done, in rows that can be printed."""
        from consilience.pipelines.zoo.planning import study_plan

        return study_plan(self)


def prepare(study: Study) -> Prepared:
    """Look up every name of `study`. Raises StudyError, with the place in the file, for one that is not known."""
    store, other = FeatureStore(study.store_place), second(study)
    study = matched(study, study.stimuli, store)
    seats, left_out = seated(study, study.stimuli, store)
    beside = None if other is None else prepare(other)
    return Prepared(study, store, seats, left_out, _labels(study), beside)


def _labels(study: Study) -> dict[str, Any] | None:
    if study.labels is None:
        return None
    if study.labels == OF_STIMULI:
        return _own_labels(study)
    from consilience.pipelines.studyfiles.sample_labels import read_labels

    try:
        return read_labels(study.path(study.labels))
    except BadInput as bad:
        raise study.error(("labels",), bad) from bad


def _own_labels(study: Study) -> dict[str, Any]:
    there, absent = open_set(study.stimuli)
    if absent is not None:
        raise study.error(("stimuli",), absent) from absent
    if not isinstance(there, Labelled):
        raise study.error(
            ("labels",),
            BadInput(
                "a stimulus set that has labels, such as openmoji", f"{study.stimuli}, which has none",
                "name a file with the columns sample_id and label",
            ),
        )  # fmt: skip
    return dict(there.labels())
