"""Commands that show what there is, and change nothing but a page."""

from pathlib import Path
from typing import Annotated

import typer

from consilience.engine.errors import unknown
from consilience.pipelines.commands.options import Options, Store, options_of


def status(
    place: Annotated[
        str,
        typer.Argument(metavar="[STORE|STUDY|OUTPUT]", help="A store, a study file, or its output folder."),
    ] = "features",
) -> None:
    """Say how far a study or an extraction is that runs in another shell, or ran; and which shards were slow."""
    from datetime import UTC, datetime

    from consilience.pipelines.console import Console
    from consilience.pipelines.runs.status import HEADER, lines
    from consilience.pipelines.runs.status import status as read_status

    console, now = Console(), datetime.now(UTC)
    run, found = read_status(place, now)
    for line in lines(run, now) if run is not None else ():
        console.say(line)
    if found:
        console.table(f"Extraction into {place}", HEADER, [x.facts(now) for x in found])
    for one in found:
        slow = ", ".join(
            f"{seconds:.1f} s shard {shard} on {node[:8]}" for seconds, shard, node in one.slowest
        )
        if slow:
            console.say(f"{one.model}, slowest: {slow}")


def list_(
    kind: Annotated[
        str, typer.Argument(help="metrics, preprocessing, models, stimuli, brains, studies or tables.")
    ],
    store: Store = "features",
    long: Annotated[
        bool, typer.Option("--long", help="Of metrics: parameters, range, invariances, null, costs, source.")
    ] = False,
    family: Annotated[
        str | None, typer.Option(help="Of models: vision, language, speech or multimodal.")
    ] = None,
) -> None:
    """List the metrics, preprocessing steps, models, stimuli, brains or studies there are, or the tables of a store."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.tables import listing

    kinds = ("metrics", "preprocessing", "models", "stimuli", "brains", "studies", "tables")
    if kind not in kinds:
        raise unknown("kind of thing to list", kind, kinds)
    for row in listing(kind, store, long=long, family=family):
        Console().say("  ".join(row))


def inspect(
    model: Annotated[str, typer.Argument(help="A model's name; see `consilience list models`.")],
    stimuli: Annotated[
        str | None, typer.Argument(help="Of which the first dozen are tried; default: noise.")
    ] = None,
    option: Options = None,
) -> None:
    """Say what a model is: its layers, shapes and pools, its memory and its speed, measured on a dozen samples."""
    from consilience.connectors.models import open_model
    from consilience.connectors.stimuli import open_stimuli
    from consilience.pipelines.console import Console
    from consilience.pipelines.inspecting import inspect as inspect_model
    from consilience.pipelines.inspecting import lines

    opened, console = open_model(model, options_of(option)), Console()
    seen = inspect_model(opened, None if stimuli is None else open_stimuli(stimuli))
    rows = [
        (x.name, x.axes, " × ".join(map(str, x.shape)), x.units, ", ".join(x.pools), x.meaning)
        for x in seen.layers
    ]
    console.table(
        f"Layers of {seen.card.name}", ("layer", "axes", "a sample", "units", "pools", "what it is"), rows
    )
    for line in lines(seen):
        console.say(line)


def report(
    run: Annotated[Path, typer.Argument(help="A run's output folder, or its scores.nc; of brains too.")],
    output: Annotated[
        Path | None,
        typer.Option(help="The file, or for --zoo the folder, to write; default: beside the scores."),
    ] = None,
    zoo: Annotated[
        bool, typer.Option("--zoo", help="A site over all runs of the study: the folder zoo.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Every pair's score over the runs: history.html.")
    ] = False,
) -> None:
    """Draw the report of a finished run anew, or the history, or the zoo, of all runs of the study."""
    from consilience.engine.scores import open_scores
    from consilience.pipelines.brain.tables import PER_SUBJECT, open_all
    from consilience.pipelines.console import Console
    from consilience.pipelines.report import write
    from consilience.pipelines.runs.syncing import link

    if history:
        from consilience.pipelines.history import write as write_history

        console, folder = Console(), run if run.is_dir() else run.parent
        console.say(f"History: {write_history(folder, output or folder / 'history.html')}")
        return
    if zoo:
        from consilience.pipelines.zoosite import write as write_site

        console, folder = Console(), run if run.is_dir() else run.parent
        console.say(f"Zoo: {write_site(folder, output or folder / 'zoo')}")
        return
    path = run / "scores.nc" if run.is_dir() else run
    whole = run.is_dir() and not path.is_file()
    if (whole or run.stem in PER_SUBJECT) and (brains := open_all(path.parent)):
        from consilience.pipelines.brain.report import write as write_brains

        Console().say(f"Report: {write_brains(brains, output or path.with_name('report.html'))}")
        link(path.parent)
        return
    beside = path.with_name("profile.nc")
    scores, profile = open_scores(path), open_scores(beside) if beside.is_file() else None
    Console().say(f"Report: {write(scores, output or path.with_name('report.html'), profile)}")
    link(path.parent)


def doctor(
    folder: Annotated[Path, typer.Argument(help="Where a run would write.")] = Path("."),
    speed: Annotated[
        bool, typer.Option(help="Measure matrix products and reading, which takes seconds.")
    ] = True,
) -> None:
    """Say what this machine offers, what is missing, and how to add it."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.doctor import examine

    console = Console()
    for finding in examine(folder.resolve(), speed=speed):
        console.say(f"{finding.what:<34}{finding.found}")
        if finding.fix:
            console.say(f"{'':<34}{finding.fix}", style="yellow")
