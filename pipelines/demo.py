"""The study of the demo, put where a user finds it."""

from pathlib import Path

from consilience.pipelines.studyfiles.shipped import placed, text


def study_text() -> str:
    """The text of the shipped study."""
    return text("demo", "consilience.pipelines")


def study_file(folder: Path) -> tuple[Path, bool]:
    """``<folder>/study.yaml`` with the shipped study; see `placed`."""
    return placed(folder, study_text())
