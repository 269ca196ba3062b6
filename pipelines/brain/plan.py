"""The plan of a brain study: what is recorded, extracted, compared and fitted, what is there, what the rest costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consilience.engine.costs.size import Step
from consilience.engine.machine import Speed, gigabytes
from consilience.pipelines.brain import aligned, encoding, reliable
from consilience.pipelines.brain.prepare import Prepared
from consilience.pipelines.brain.steps import aligned_steps, encoded_steps, reliable_steps
from consilience.pipelines.console import Console
from consilience.pipelines.runs.scorecache import ScoreCache
from consilience.pipelines.zoo.plan import Features, features_of, step_row


@dataclass(frozen=True)
class Part:
    """One part of the work, its state and what it is; the steps of what is not there yet."""

    name: str
    state: str
    what: str
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class BrainPlan:
    """What a run will do, in rows that can be printed; see `brain_plan`."""

    study: str
    data: dict[str, Any]
    features: tuple[Features, ...]
    work: tuple[Part, ...]
    left_out: dict[str, str]

    @property
    def seconds(self) -> float:
        """What the work is expected to take; extraction depends on the models and is not predicted."""
        return sum(step.seconds for part in self.work for step in part.steps)

    @property
    def memory(self) -> float:
        """The peak of the work above its inputs, in bytes."""
        return max((step.memory for part in self.work for step in part.steps), default=0.0)

    def rows(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        work = [{**vars(part), "steps": [vars(step) for step in part.steps]} for part in self.work]
        return {
            "study": self.study, "data": self.data, "features": [vars(x) for x in self.features], "work": work,
            "seconds": self.seconds, "memory": self.memory, "left_out": self.left_out,
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
        if self.features:
            console.table(
                "Features",
                ("model", "state", "samples", "layers", "on disk"),
                [(x.model, x.state, f"{x.samples:,}", x.layers, gigabytes(x.size)) for x in self.features],
            )
        for model, why in self.left_out.items():
            console.say(f"{model} is left out: {why}", style="yellow")
        console.say()
        console.table("Work", ("part", "state", "what"), [(x.name, x.state, x.what) for x in self.work])
        console.say()
        if steps := [step for part in self.work for step in part.steps]:
            console.table(
                "Passes, on this machine",
                ("pass", "how", "block", "TFLOP", "read", "peak memory", "seconds"), [step_row(x) for x in steps],
            )  # fmt: skip
            console.say()


def brain_plan(prepared: Prepared, cache: ScoreCache, rate: Speed | None = None) -> BrainPlan:
    """The plan of `prepared` on a machine of that speed (default: this one); what the cache holds is not done again.

    Raises StudyError where the budget cannot hold the work; it names both numbers.
    """
    brains, recordings = prepared.recordings.brains, prepared.recordings
    data = {
        "name": brains.name, "subjects": list(recordings.subjects), "regions": list(prepared.regions),
        "excluded": [str(x) for x in recordings.excluded], "licence": brains.licence, "citation": brains.citation,
    }  # fmt: skip
    work = tuple(_work(prepared, cache, rate))
    return BrainPlan(prepared.study.name, data, features_of(prepared.seats), work, prepared.left_out)


def _work(prepared: Prepared, cache: ScoreCache, rate: Speed | None) -> list[Part]:
    from consilience.engine.machine import speed

    study, subjects = prepared.study, len(prepared.recordings.subjects)
    layers, regions = sum(len(x.layers) for x in prepared.seats), len(prepared.regions)
    parts = []
    for metric, key in aligned.keys(prepared).items():
        what = (
            f"{layers} layers x {regions} regions x {subjects} subjects, {study.permutations} permutations, "
            f"{study.bootstraps} bootstraps"
        )
        new = not cache.holds(key)
        steps = aligned_steps(prepared, metric, rate or speed()) if new else []
        parts.append(Part(metric, _state([key], cache), what, tuple(steps)))
    if study.encode is not None:
        wanted = encoding.keys(prepared)
        beyond = f" beyond {', '.join(study.encode.nuisance)}" if study.encode.nuisance else ""
        what = (
            f"{layers} layers -> {regions} regions of {subjects} subjects{beyond}, {study.encode.folds} folds"
        )
        missing = _missing(wanted, cache)
        steps = encoded_steps(prepared, missing, rate or speed()) if missing else []
        parts.append(Part("encoding", _state(list(wanted.values()), cache), what, tuple(steps)))
    if study.reliability is not None:
        held = reliable.keys(prepared)
        repeats = " or ".join(sorted({str(len(prepared.recordings.repeats(subject))) for subject in held}))
        draws = study.reliability.permutations
        what = f"{repeats} repeats, {regions} regions x {len(held)} subjects, {draws} permutations"
        missing = _missing(held, cache)
        steps = reliable_steps(prepared, missing, rate or speed()) if missing else []
        parts.append(Part("reliability", _state(list(held.values()), cache), what, tuple(steps)))
    return parts


def _missing(keys: Mapping[str, str], cache: ScoreCache) -> list[str]:
    return [subject for subject, key in keys.items() if not cache.holds(key)]


def _state(keys: Sequence[str], cache: ScoreCache) -> str:
    done = sum(cache.holds(key) for key in keys)
    return (
        "there already" if done == len(keys) else f"{done} of {len(keys)} there" if done else "to be computed"
    )
