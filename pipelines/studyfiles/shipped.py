"""Studies that come with the package: a YAML file each, run by its name and written where the user may edit it."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from consilience.engine.errors import BadInput, unknown

STUDIES, BRAINS = "consilience.pipelines.studies", "consilience.pipelines.brain"


@cache
def names(package: str = STUDIES) -> tuple[str, ...]:
    """The studies in that package, sorted: of models by default, or of `BRAINS`."""
    return tuple(
        sorted(x.name.removesuffix(".yaml") for x in files(package).iterdir() if x.name.endswith(".yaml"))
    )


def text(name: str, package: str = STUDIES) -> str:
    """The text of the study of that name."""
    return files(package).joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def line(content: str) -> str:
    """What a study is, of the first sentence in it: the comment that it begins with, less the command in front."""
    comment = []
    for row in content.splitlines():
        if not row.startswith("#"):
            break
        comment.append(row.removeprefix("#").strip())
    sentence = " ".join(comment).partition(". ")[0].rstrip(".")
    return sentence.partition("`: ")[2] or sentence


def studies() -> dict[str, str]:
    """Every shipped study, of brains too: name -> what it is, and how it is run."""
    found = {name: f"{line(text(name))} (consilience run {name})" for name in names()}
    found |= {name: f"{line(text(name, BRAINS))} (consilience brain {name})" for name in names(BRAINS)}
    return dict(sorted(found.items()))


def study_file(given: str, output: Path | None = None, package: str = STUDIES) -> tuple[Path, bool]:
    """The file of a study that is named by its path, or by the name of one in `package`, which is written to
    ``<output>/study.yaml`` (default folder: ``consilience-<name>``); and whether such a file differs from the shipped.
    """
    if given not in names(package) or Path(given).is_file():
        if output is not None:
            raise BadInput("--output with a shipped study", given, "write `output:` into the study's file")
        if not Path(given).is_file() and not Path(given).suffix:
            raise _unknown(given, package)
        return Path(given), False
    folder = Path(f"consilience-{given}") if output is None else output
    return placed(folder, text(given, package))


def _unknown(given: str, package: str) -> BadInput:
    """A name that is a study of the other kind is answered with its command."""
    other, command = (BRAINS, "brain") if package == STUDIES else (STUDIES, "run")
    if given in names(other):
        kind = "models" if package == STUDIES else "brains"
        return BadInput(
            f"a study of {kind}", f"{given!r}, which is another", f"use `consilience {command} {given}`"
        )
    return unknown("shipped study, or file of one", given, names(package))


def placed(folder: Path, content: str) -> tuple[Path, bool]:
    """``<folder>/study.yaml``, written with `content` if it is not there, and whether it differs from it.

    A file that is there is left alone: the user may have edited it.
    """
    path = folder / "study.yaml"
    if path.is_file():
        return path, path.read_text(encoding="utf-8") != content
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise BadInput(
            "an output folder that can be written",
            f"{folder}: {error.strerror or error}",
            "name another by --output",
        ) from error
    return path, False
