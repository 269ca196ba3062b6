"""The report: one HTML file that holds the whole score table, and works without a network."""

from pathlib import Path

import xarray as xr

from consilience.engine.errors import BadInput
from consilience.engine.scores import VARIABLES

HERE = Path(__file__).parent
# One scope, in this order: each file uses only what stands before it, or what runs after all are read.
SCRIPTS = ("numbers.js", "data.js", "look.js", "heat.js", "profile.js", "models.js", "table.js", "main.js")


def write(scores: xr.Dataset, path: str | Path) -> Path:
    """Write the report of a score table to `path`, and return it; folders above are made.

    Raises BadInput if `scores` is no score table, or holds no score at all.
    """
    path = Path(path)
    page = render(scores)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def render(scores: xr.Dataset) -> str:
    """The report as one string of HTML."""
    from consilience.pipelines.report.about import about
    from consilience.pipelines.report.page import page
    from consilience.pipelines.report.payload import payload

    check(scores)
    return page(
        HERE / "template.html", about(scores), data=payload(scores), scripts=[HERE / x for x in SCRIPTS]
    )


def check(scores: xr.Dataset) -> None:
    """Refuse what is not a score table, or holds no score."""
    missing = [name for name in VARIABLES if name not in scores]
    if missing or scores["score"].dims != ("metric", "a", "b"):
        raise BadInput(
            "a score table, with dims (metric, a, b)",
            f"a Dataset without {', '.join(missing)}" if missing else f"dims {scores['score'].dims}",
            "give what compare() or open_scores() returns",
        )
    if not bool(scores["score"].notnull().any()):
        raise BadInput(
            "a score table with at least one score", "NaN everywhere", "look at its reasons attribute"
        )
