"""What several commands share: their options, exit codes, and what is said when one is interrupted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from consilience.engine.errors import BadInput

if TYPE_CHECKING:
    from consilience.pipelines.console import Console

BAD_INPUT, REJECTS, DRIFT, INTERRUPTED = 2, 3, 4, 130

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="A study file (YAML).")]
StudyName = Annotated[
    str,
    typer.Argument(
        metavar="STUDY", help="A study file (YAML), or the name of one of `consilience list studies`."
    ),
]
Output = Annotated[Path | None, typer.Option(help="Where a shipped study goes; default: consilience-STUDY.")]
Store = Annotated[str, typer.Option(help="The folder of feature tables, or s3://BUCKET/PREFIX.")]
Executor = Annotated[
    str | None,
    typer.Option(help="Where passes run: threads, distributed, ray, or an address with its scheme."),
]
Address = Annotated[
    str | None, typer.Option(help="The Dask scheduler or Ray cluster; default: this machine.")
]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="An option of its kind of model; may be repeated."),
]


def options_of(given: list[str] | None) -> dict[str, Any]:
    """KEY=VALUE, each value as it would be read in a study file. Raises BadInput for what is not of that form."""
    import yaml

    found: dict[str, Any] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise BadInput("--option KEY=VALUE", repr(text), "write both, as in --option modality=text")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise BadInput(f"a value of {key} as in a study file", repr(value), "put it in quotes") from error
    return found


def batch_of(given: str | None) -> Literal["auto"] | int | None:
    """The value of --batch. Raises BadInput for what is neither a number nor auto."""
    if given is None:
        return None
    if given == "auto":
        return "auto"
    if not given.isdecimal():
        raise BadInput("--batch with a number of samples, or auto", repr(given), "write one of the two")
    return int(given)


@contextmanager
def interruptible(console: "Console") -> Iterator[None]:
    """What is kept, and the exit code, where the user interrupts the block."""
    try:
        yield
    except KeyboardInterrupt:
        console.say(
            "\nInterrupted. What was extracted and scored is kept: the same command goes on from here."
        )
        raise typer.Exit(INTERRUPTED) from None


def shipped(console: "Console", study: tuple[Path, bool]) -> Path:
    """The path of a study that comes with this version, after saying so where the file there was `edited`."""
    path, edited = study
    if edited:
        console.say(f"{path} differs from the study that comes with this version; it is used as it stands.")
    return path
