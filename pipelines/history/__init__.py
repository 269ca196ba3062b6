"""The history of a study: every score over its runs, what joined when, and which change moved it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from consilience.engine.errors import BadInput

if TYPE_CHECKING:
    from consilience.engine.tracking import Entry

HERE = Path(__file__).parent
REPORT = HERE.parent / "report"
SCRIPTS = (REPORT / "numbers.js", HERE / "data.js", REPORT / "look.js", HERE / "history.js")


def write(output: Path, path: Path) -> Path:
    """Write the history of the runs kept in a study's output folder to `path`, and return it.

    Raises BadInput where none is kept.
    """
    from consilience.pipelines.reevaluate.baseline import scored
    from consilience.pipelines.report.page import save

    entries = scored(output)
    if not entries:
        raise BadInput(
            "the output folder of a study that was run", f"{output}, which keeps no run", "run the study"
        )
    return save(render(entries), path)


def render(entries: "Sequence[Entry]") -> str:
    """The page as one string of HTML."""
    from consilience.pipelines.history.history import history
    from consilience.pipelines.report.page import page

    found, last = history(entries), entries[-1].record
    return page(
        HERE / "template.html",
        {
            "title": last.experiment, "version": last.tags["version"], "created": last.tags["created"][:10],
            "history": found,
        },
        data=data(found),
        scripts=[*SCRIPTS, HERE / "main.js"],
        styles=[HERE / "history.css"],
    )  # fmt: skip


def data(found: dict[str, object], **more: object) -> dict[str, object]:
    """What the scripts read."""
    from consilience.pipelines.report import theme

    return {"font": theme.SANS, "scale": theme.SEQUENTIAL, "history": found, **more}
