"""The runs of a study in a list: those in MLflow, and those that are kept beside its output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from consilience.engine.errors import BadInput
from consilience.engine.features.location import is_uri
from consilience.engine.tracking import Entry, NotSent, metric_name, tracking_uri
from consilience.engine.tracking.address import client
from consilience.pipelines.console import Console
from consilience.pipelines.reevaluate.baseline import PROMOTED
from consilience.pipelines.report.numbers import fixed
from consilience.pipelines.runs.syncing import kept
from consilience.pipelines.studyfiles.studies import load_any

_SHORT = 10  # characters of an id
_MOST = 1000
_DIGEST = "consilience.record"


@dataclass(frozen=True)
class Place:
    """Where runs are looked for: an output folder, a tracking store, or both; `experiment` None: all of the store."""

    output: Path | None
    uri: str | None
    experiment: str | None


def place_of(place: str, experiment: str | None = None) -> Place:
    """From a study file, an output folder, or the address of a tracking store."""
    if is_uri(place):
        return Place(None, tracking_uri(place, Path.cwd()), experiment)
    path = Path(place).expanduser()
    if path.is_dir():
        entries = kept(path.resolve()).entries()
        if not entries:
            raise BadInput(
                "the output folder of a study that was run", f"{place}", "name the study file, or a URI"
            )
        return Place(path.resolve(), entries[-1].uri, experiment or entries[-1].record.experiment)
    from consilience.pipelines.runs.output import tracking_of

    study = load_any(place)
    return Place(study.path(study.output), tracking_of(study), experiment or study.name)


def list_runs(
    place: str, experiment: str | None = None, console: Console | None = None
) -> list[dict[str, Any]]:
    """The runs there, the newest first: those in MLflow, and those that wait to be sent.

    Where the store does not answer that is told, and what is kept here is listed.
    """
    where = place_of(place, experiment)
    found: dict[str, dict[str, Any]] = {}
    if where.output is not None:
        for entry in kept(where.output).entries():
            found[entry.digest] = _of_entry(entry)
    if where.uri is not None:
        try:
            with client(where.uri) as mlflow:
                for run in runs_of(mlflow, where.experiment):
                    found[run.data.tags[_DIGEST]] = _of_run(run)
        except NotSent as problem:
            if where.output is None:
                raise BadInput("a tracking store that answers", str(problem), "start it") from problem
            if console is not None:
                console.say(f"Only the runs kept here: {problem}", style="yellow")
    return sorted(found.values(), key=lambda x: x["created"])[::-1]


def show_runs(place: str, found: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the list."""
    console.table(
        f"Runs of {place}", ("run", "when", "what", "status", "models", "mean best scores", "commit"),
        [
            (
                x["id"][:_SHORT] + ("*" if x["promoted"] else ""), x["created"][:16].replace("T", " "), x["kind"],
                x["status"], len(x["models"]) or "", _means(x["means"]), x["commit"][:8] + ("+" if x["dirty"] else ""),
            )
            for x in found
        ],
    )  # fmt: skip
    if any(x["promoted"] for x in found):
        console.say("* the promoted baseline")


def _means(means: Mapping[str, float]) -> str:
    """Of each metric by its name; by its id where two have the name."""
    names = [x.partition(":")[0] for x in means]
    return ", ".join(
        f"{name if names.count(name) == 1 else metric} {fixed(value, 3)}"
        for name, (metric, value) in zip(names, means.items())
    )


def runs_of(mlflow: Any, experiment: str | None) -> list[Any]:
    """Runs that this package recorded, no parts of them."""
    if experiment is None:
        ids = [x.experiment_id for x in mlflow.search_experiments()]
    else:
        known = mlflow.get_experiment_by_name(experiment)
        ids = [] if known is None else [known.experiment_id]
    found = mlflow.search_runs(ids, max_results=_MOST, order_by=["attributes.start_time DESC"]) if ids else []
    return [run for run in found if _DIGEST in run.data.tags]


def _of_run(run: Any) -> dict[str, Any]:
    tags, status = run.data.tags, run.info.status.lower()
    created = datetime.fromtimestamp(run.info.start_time / 1000, UTC).isoformat(timespec="seconds")
    said = tags.get("status", "done")
    return _row(run.info.run_id, created, status if said == "done" else said, tags, run.data.metrics)


def _of_entry(entry: Entry) -> dict[str, Any]:
    tags = {**entry.record.tags, **{f"{s.role}.{s.name}": s.fingerprint for s in entry.record.sources}}
    state = "kept" if entry.uri is None else "waiting" if entry.sent is None else "sent"
    name = entry.sent.run_id if entry.sent else entry.digest
    metrics = {metric_name(k): v for k, v in entry.record.metrics.items()}
    return _row(name, str(tags["created"]), state, tags, metrics)


def _row(
    name: str, created: str, status: str, tags: Mapping[str, str], metrics: Mapping[str, float]
) -> dict[str, Any]:
    means = {k.removesuffix("/mean"): v for k, v in metrics.items() if k.endswith("/mean")}
    return {
        "id": name, "created": tags.get("created", created), "status": status,
        "kind": tags.get("consilience.kind", "run"), "means": means,
        "models": sorted(k.removeprefix("features.") for k in tags if k.startswith("features.")),
        "commit": tags.get("mlflow.source.git.commit", ""), "dirty": tags.get("git.dirty") == "true",
        "promoted": tags.get(PROMOTED) == "true", "record": tags.get(_DIGEST, ""),
    }  # fmt: skip
