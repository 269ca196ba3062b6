"""The command line: which commands there are, and what becomes of a mistake in the input."""

import sys

import typer

from consilience.engine.errors import BadInput
from consilience.pipelines.commands import looking, studies, tables, tracking
from consilience.pipelines.commands.options import BAD_INPUT

app = typer.Typer(
    name="consilience",
    help="Compare the representations of foundation models, at any number of samples, with error bars.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    studies.demo, studies.run, studies.plan, studies.brain, tracking.reevaluate, tracking.runs, tracking.sync,
    tables.extract, looking.status, tables.compare,
    tables.audit, tables.import_, looking.list_, looking.inspect, tables.verify, looking.report, looking.doctor,
):  # fmt: skip
    app.command(name=command.__name__.rstrip("_"))(command)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 a bug, 2 bad input, 3 more rejects than the study allows, 4 drift."""
    try:
        app()
    except BadInput as bad:
        from rich.console import Console

        Console(stderr=True, soft_wrap=True, highlight=False).print(str(bad), style="red", markup=False)
        sys.exit(BAD_INPUT)


if __name__ == "__main__":
    main()
