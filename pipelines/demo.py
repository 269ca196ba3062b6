"""The study of the demo, put where a user finds it."""

from importlib.resources import files
from pathlib import Path

from consilience.pipelines.studyfiles.shipped import placed


def study_text() -> str:
    """The text of the shipped study."""
    return files("consilience.pipelines").joinpath("demo.yaml").read_text(encoding="utf-8")


def study_file(folder: Path) -> tuple[Path, bool]:
    """``<folder>/study.yaml`` with the shipped study; see `placed`."""
    return placed(folder, study_text())
