"""Commands that run a study, or say what a run would do."""

from pathlib import Path
from typing import Annotated, Any

import typer

from consilience.pipelines.commands.options import (
    REJECTS,
    Address,
    Executor,
    Output,
    StudyName,
    interruptible,
    shipped,
)


def demo(
    output: Annotated[Path, typer.Option(help="Where features, scores and report go.")] = Path(
        "consilience-demo"
    ),
) -> None:
    """Compare eight vision, language and speech models on OpenMoji, and leave a report."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.demo import study_file

    console = Console()
    path = shipped(console, study_file(output))
    console.say(f"The demo is an ordinary study: copy {path}, edit it, and give it to `consilience run`.\n")
    _run(path, console)


def run(study: StudyName, output: Output = None, executor: Executor = None, address: Address = None) -> None:
    """Run a study: extract what is missing, compare what is new, write scores and report."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.studyfiles.shipped import study_file

    console = Console()
    _run(shipped(console, study_file(study, output)), console, executor, address)


def _run(study: Path, console: Any, executor: str | None = None, address: str | None = None) -> None:
    from consilience.pipelines.studyfiles.study import load_study
    from consilience.pipelines.zoo.run import run as run_study

    with interruptible(console):
        scores = run_study(load_study(study).elsewhere(executor, address), console=console)
    if scores.attrs["status"] != "done":
        console.say(f"Exit code {REJECTS}: {scores.attrs['status']}.", style="yellow")
        raise typer.Exit(REJECTS)


def plan(
    study: StudyName,
    output: Output = None,
    nodes: Annotated[int, typer.Option(min=0, help="Of a cluster that is simulated; 0: none is.")] = 0,
    gpus: Annotated[int, typer.Option(min=0, help="Of each node; 0: models run on its cores.")] = 0,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="Samples a second through a model, of one replica there. Default: as logged in the store, or 1,000.",
        ),
    ] = None,
) -> None:
    """Show what a run would do: passes, memory and seconds on this machine, or hours on a cluster."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.studyfiles.shipped import study_file
    from consilience.pipelines.studyfiles.study import load_study
    from consilience.pipelines.zoo.prepare import prepare

    console = Console()
    prepared = prepare(load_study(shipped(console, study_file(study, output))))
    prepared.plan().show(console)
    if prepared.beside is not None:
        prepared.beside.plan().show(console)
    if nodes:
        from consilience.engine.simulation import Cluster
        from consilience.pipelines.scale import Rates, of_study

        rates = Rates() if rate is None else Rates(forward=rate)
        of_study(prepared, Cluster(nodes, gpus), rates, console, logs=rate is None).show(console)


def brain(
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="A study file (YAML), or brain92, alice, haxby.")
    ],
    plan: Annotated[bool, typer.Option("--plan", help="Show what a run would do, and stop.")] = False,
    output: Output = None,
    executor: Executor = None,
    address: Address = None,
) -> None:
    """Run a study of brains: align layers with regions over subjects, predict responses, write tables and report."""
    from consilience.pipelines.brain import run as brains
    from consilience.pipelines.brain.study import load_brain_study
    from consilience.pipelines.console import Console
    from consilience.pipelines.studyfiles.shipped import BRAINS, study_file

    console = Console()
    path = shipped(console, study_file(study, output, BRAINS))
    if plan:
        brains.plan(path, console=console).show(console)
        return
    with interruptible(console):
        brains.run(load_brain_study(path).elsewhere(executor, address), console=console)
