"""How far an extraction is, by its log beside each table, and a study: for another shell, now or afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from consilience.engine.errors import BadInput
from consilience.engine.extraction.runlog import DIED, RUNNING, WRITTEN, RunRecord, read_runs
from consilience.engine.features import FeatureStore
from consilience.engine.features.location import Location, is_uri, location
from consilience.pipelines.runs.standing import FILE, SILENT, Standing, read_standing
from consilience.pipelines.studyfiles.studies import load_any

_RECENT = timedelta(minutes=5)  # over which the rate is taken


@dataclass(frozen=True)
class Status:
    """Of one table.

    `shards` and `samples` are done and in all, `rate` samples and `left` seconds, `retries` processes that died;
    `batch` is how many samples go through the model at once, None until that is found; `padding` is the share of tokens
    that are of no sample, None where there are none; `slowest` are (seconds, shard,
    node).
    """

    model: str
    stimuli: str
    state: str
    shards: tuple[int, int]
    samples: tuple[int, int]
    rate: float
    left: float | None
    rejects: int
    retries: int
    replicas: int
    batch: int | None
    padding: float | None
    slowest: tuple[tuple[float, int, str], ...]
    beat: datetime

    def facts(self, now: datetime) -> tuple[str, ...]:
        """The cells of its line."""
        done, total = self.shards
        return (
            self.model,
            self.stimuli,
            f"{done}/{total}",
            f"{self.rate:.1f}" if self.rate else "",
            "" if self.left is None else span(self.left),
            str(self.rejects),
            str(self.retries),
            str(self.replicas or ""),
            str(self.batch or ""),
            "" if self.padding is None else f"{self.padding:.0%}",
            self.state,
            f"{span((now - self.beat).total_seconds())} ago",
        )


HEADER = (
    "model", "stimuli", "shards", "samples/s", "left", "rejects", "retries", "replicas", "batch", "padding",
    "state", "last sign",
)  # fmt: skip


def status(place: str | Path, now: datetime | None = None) -> tuple[Standing | None, list[Status]]:
    """The last run of a study, where `place` is one; and the tables whose extraction left a log, of that run or else of
    the whole store, the last to give a sign of life first.

    `place` is the folder of a store, a study file, or a study's output folder. Raises BadInput where there is neither.
    """
    store, output = _places(place)
    now = now or datetime.now(UTC)
    run = None if output is None else read_standing(output, now)
    tables = [x for x in FeatureStore(store).begun() if run is None or x.name in run.tables]
    logs = [read_runs(folder) for folder in tables]
    found = [_status(of_table, now) for of_table in logs if of_table]
    if not found and run is None:
        raise BadInput(
            "a store into which something was extracted, a study file, or a study's output folder",
            f"{place}, where no extraction left a log",
            "name the folder given as --store, or the study",
        )
    return run, sorted(found, key=lambda x: x.beat, reverse=True)


def lines(run: Standing, now: datetime) -> list[str]:
    """A run in words: what it is at, each step on a line."""
    since, last = span((run.beat - run.began).total_seconds()), span((now - run.beat).total_seconds())
    steps = [
        f"{name}: {share:.0%}" + ("" if left is None else f", {span(left)} left")
        for name, share, left in run.steps
    ]
    return [f"{run.name}: {run.state}, {since} after it began; last sign {last} ago", *steps]


def _places(place: str | Path) -> tuple[Location, Path | None]:
    """The store, and where `place` is a study its output folder."""
    if is_uri(place):
        return location(place), None
    path = Path(place).expanduser()
    study = path if path.is_file() else path / "study.yaml"
    if study.is_file():
        loaded = load_any(study)
        return loaded.store_place, loaded.path(loaded.output) if path.is_file() else path
    return path, path if (path / FILE).is_file() else None


def _status(runs: Sequence[RunRecord], now: datetime) -> Status:
    """Of one table: how far it is by its last run, rejects and retries of all of them."""
    last = runs[-1]
    written = [x for x in last.lines.to_pylist() if x["event"] == WRITTEN]
    every = [x for run in runs for x in run.lines.to_pylist()]
    about, state = last.about, last.state
    if state == RUNNING and now - last.beat > SILENT:
        state = "no sign of life; the same command goes on from here"
    samples = about["samples_before"] + sum(x["rows"] for x in written)
    rate = _rate(written, last.beat)
    left = (about["samples"] - samples) / rate if state == RUNNING and rate else None
    slowest = sorted(written, key=lambda x: -x["seconds"])[:3]
    return Status(
        about["model"],
        about["stimuli"],
        state,
        (about["shards_before"] + len(written), about["shards"]),
        (samples, about["samples"]),
        rate,
        left,
        sum(x["rejects"] for x in every if x["event"] == WRITTEN),
        sum(x["event"] == DIED for x in every),
        about["replicas"] if state == RUNNING else 0,
        about.get("batch"),  # a log of an earlier version does not say
        _padding(every),
        tuple((x["seconds"], x["shard"], x["node"]) for x in slowest),
        last.beat,
    )


def _padding(lines: Sequence[dict[str, Any]]) -> float | None:
    """Of what went through the model the share that was of no sample; a log of an earlier version does not say."""
    tokens, padding = (sum(x.get(name) or 0 for x in lines) for name in ("tokens", "padding"))
    return padding / (tokens + padding) if tokens else None


def _rate(written: Sequence[dict[str, Any]], until: datetime) -> float:
    """Samples a second over the last minutes in which the run was alive."""
    recent = [x for x in written if until - x["ended"] < _RECENT]
    if not recent:
        return 0.0
    seconds = (max(x["ended"] for x in recent) - min(x["began"] for x in recent)).total_seconds()
    return sum(x["rows"] for x in recent) / seconds if seconds > 0 else 0.0


def span(seconds: float) -> str:
    """A length of time in the unit that suits it."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
