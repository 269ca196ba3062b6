"""Commands about the runs of a study: what was tracked, what changed since, and what is still to be sent."""

from pathlib import Path
from typing import Annotated

import typer

from consilience.engine.errors import BadInput
from consilience.pipelines.commands.options import (
    DRIFT,
    REJECTS,
    Address,
    Executor,
    StudyFile,
    interruptible,
)

Place = Annotated[str, typer.Argument(metavar="[STUDY|OUTPUT]", help="A study file, or its output folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]


def reevaluate(
    study: StudyFile,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="A run's id, or its beginning; default: promoted, or last."),
    ] = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make this run the baseline of all that come after.")
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Compute all anew, beside what is kept, to see whether it comes out the same.",
        ),
    ] = False,
    executor: Executor = None,
    address: Address = None,
) -> None:
    """Compute what changed since the baseline run, and say whether scores have drifted; exit code 4 if they have."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.reevaluate.run import reevaluate as evaluate
    from consilience.pipelines.studyfiles.studies import load_any

    console = Console()
    with interruptible(console):
        found = evaluate(
            load_any(study).elsewhere(executor, address),
            baseline=baseline,
            promoted=promote,
            fresh=fresh,
            console=console,
        )
    if found.alarm:
        console.say(f"Exit code {DRIFT}: {found.told['status']}.", style="yellow")
        raise typer.Exit(DRIFT)
    if found.status != "done":
        console.say(f"Exit code {REJECTS}: {found.status}.", style="yellow")
        raise typer.Exit(REJECTS)


def sync(
    place: Place = "study.yaml",
    tracking: Annotated[
        str | None, typer.Option(metavar="URI", help="Send there, whatever address the runs were meant for.")
    ] = None,
) -> None:
    """Send the runs that a tracking server has not got yet, because it was down."""
    from consilience.engine.tracking import tracking_uri
    from consilience.pipelines.console import Console
    from consilience.pipelines.runs.syncing import kept, send_waiting
    from consilience.pipelines.studyfiles.studies import output_of

    console, output = Console(), output_of(place)
    uri = None if tracking is None else tracking_uri(tracking, Path.cwd())
    waiting = kept(output).waiting()
    if not waiting:
        console.say("Nothing waits to be sent.")
        return
    sent, left = send_waiting(output, console, uri)
    console.say(f"Sent: {sent}.")
    if left:
        raise BadInput(
            "a tracking store that takes the runs", f"{left} that it did not take",
            "see above; start the server, and run it again",
        )  # fmt: skip


def runs(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STUDY|OUTPUT|URI] [A B]",
            help="Where they are (default: study.yaml), and two runs to compare.",
        ),
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="Of a URI; default: all that hold runs of studies.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the tracked runs of a study, or compare two: `consilience runs study.yaml A B`."""
    import json
    import sys

    from consilience.pipelines.console import Console
    from consilience.pipelines.runs.listing import list_runs, show_runs
    from consilience.pipelines.runs.pair import compare_runs, show_comparison

    given = list(names or [])
    place = given.pop(0) if len(given) != 2 and given else "study.yaml"
    if len(given) not in (0, 2):
        raise BadInput("no runs to list them, or two to compare", f"{len(given)}", "write both ids")
    console = Console(sys.stderr if as_json else None)  # what is told beside it is no JSON
    if given:
        compared = compare_runs(place, given[0], given[1], experiment)
        if as_json:
            typer.echo(json.dumps(compared))
        else:
            show_comparison(compared, console)
        return
    found = list_runs(place, experiment, console)
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_runs(place, found, console)
