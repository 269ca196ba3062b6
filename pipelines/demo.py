"""The shipped study, put where a user finds it."""

from importlib.resources import files
from pathlib import Path


def study_text() -> str:
    """The text of the shipped study."""
    return files("consilience.pipelines").joinpath("demo.yaml").read_text(encoding="utf-8")


def study_file(folder: Path) -> tuple[Path, bool]:
    """``<folder>/study.yaml`` with the shipped study; see `placed`."""
    return placed(folder, study_text())


def placed(folder: Path, text: str) -> tuple[Path, bool]:
    """``<folder>/study.yaml``, written with `text` if it is not there, and whether it differs from it.

    A file that is there is left alone: the user may have edited it.
    """
    from consilience.engine.errors import BadInput

    path = folder / "study.yaml"
    if path.is_file():
        return path, path.read_text(encoding="utf-8") != text
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(
            "an output folder that can be written",
            f"{folder}: {error.strerror or error}",
            "name another by --output",
        ) from error
    return path, False
