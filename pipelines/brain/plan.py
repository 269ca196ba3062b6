"""The plan of a brain study: what is recorded, what is extracted, what is compared and fitted, and what is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from consilience.engine.planning import gigabytes
from consilience.pipelines.brain import aligned, encoding, reliable
from consilience.pipelines.brain.prepare import Prepared
from consilience.pipelines.console import Console
from consilience.pipelines.scorecache import ScoreCache
from consilience.pipelines.studyplan import Features, features_of


@dataclass(frozen=True)
class BrainPlan:
    """What a run will do, in rows that can be printed; see `brain_plan`."""

    study: str
    data: dict[str, Any]
    features: tuple[Features, ...]
    work: tuple[tuple[str, str, str], ...]
    left_out: dict[str, str]

    def rows(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return {
            "study": self.study, "data": self.data, "features": [vars(x) for x in self.features],
            "work": [list(x) for x in self.work], "left_out": self.left_out,
        }  # fmt: skip

    def show(self, console: Console) -> None:
        """Print it."""
        data = self.data
        console.say(f"Plan of {self.study}: {data['name']}", style="bold")
        subjects, regions = ", ".join(data["subjects"]), ", ".join(data["regions"])
        console.say(
            f"Subjects ({len(data['subjects'])}): {subjects}\nRegions ({len(data['regions'])}): {regions}"
        )
        for excluded in data["excluded"]:
            console.say(f"Left out: {excluded}", style="yellow")
        console.say(f"Licence: {data['licence']}. Cite: {data['citation']}\n")
        console.table(
            "Features",
            ("model", "state", "samples", "layers", "on disk"),
            [(x.model, x.state, f"{x.samples:,}", x.layers, gigabytes(x.size)) for x in self.features],
        )
        for model, why in self.left_out.items():
            console.say(f"{model} is left out: {why}", style="yellow")
        console.say()
        console.table("Work", ("part", "state", "what"), self.work)
        console.say()


def brain_plan(prepared: Prepared, cache: ScoreCache) -> BrainPlan:
    """The plan of `prepared`; what the cache holds is not done again."""
    brains, recordings = prepared.recordings.brains, prepared.recordings
    data = {
        "name": brains.name, "subjects": list(recordings.subjects), "regions": list(prepared.regions),
        "excluded": [str(x) for x in recordings.excluded], "licence": brains.licence, "citation": brains.citation,
    }  # fmt: skip
    work = tuple(_work(prepared, cache))
    return BrainPlan(prepared.study.name, data, features_of(prepared.seats), work, prepared.left_out)


def _work(prepared: Prepared, cache: ScoreCache) -> Sequence[tuple[str, str, str]]:
    study, subjects = prepared.study, len(prepared.recordings.subjects)
    layers, regions = sum(len(x.layers) for x in prepared.seats), len(prepared.regions)
    rows = []
    for metric, key in aligned.keys(prepared).items():
        what = (
            f"{layers} layers x {regions} regions x {subjects} subjects, {study.permutations} permutations, "
            f"{study.bootstraps} bootstraps"
        )
        rows.append((metric, _state([key], cache), what))
    wanted = encoding.keys(prepared)
    if wanted and study.encode is not None:
        beyond = f" beyond {', '.join(study.encode.nuisance)}" if study.encode.nuisance else ""
        what = (
            f"{layers} layers -> {regions} regions of {subjects} subjects{beyond}, {study.encode.folds} folds"
        )
        rows.append(("encoding", _state(list(wanted.values()), cache), what))
    held = reliable.keys(prepared)
    if held and study.reliability is not None:
        counts = sorted({len(prepared.recordings.repeats(subject)) for subject in held})
        permutations = study.reliability.permutations
        repeats = " or ".join(map(str, counts))
        what = f"{repeats} repeats, {regions} regions x {len(held)} subjects, {permutations} permutations"
        rows.append(("reliability", _state(list(held.values()), cache), what))
    return rows


def _state(keys: Sequence[str], cache: ScoreCache) -> str:
    done = sum(cache.holds(key) for key in keys)
    return (
        "there already" if done == len(keys) else f"{done} of {len(keys)} there" if done else "to be computed"
    )
