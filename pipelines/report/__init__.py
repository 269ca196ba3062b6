"""The report: one HTML file that holds the whole score table, and works without a network."""

from pathlib import Path

import xarray as xr

from consilience.engine.errors import BadInput
from consilience.engine.scores import VARIABLES

HERE = Path(__file__).parent
# One scope, in this order: each file uses only what stands before it, or what runs after all are read.
SCRIPTS = (
    "numbers.js",
    "data.js",
    "look.js",
    "heat.js",
    "profile.js",
    "models.js",
    "traits.js",
    "answer.js",
    "run.js",
    "table.js",
    "main.js",
)


def write(scores: xr.Dataset, path: str | Path, profile: xr.Dataset | None = None) -> Path:
    """Write the report of a score table, and of a profile of its layers, to `path`; return it. Folders above are made.

    Raises BadInput if `scores` is no score table or `profile` no profile, or if there is no score at all.
    """
    from consilience.pipelines.report.page import save

    return save(render(scores, profile), path)


def render(scores: xr.Dataset, profile: xr.Dataset | None = None) -> str:
    """The report as one string of HTML."""
    from consilience.pipelines.report.about import about
    from consilience.pipelines.report.page import page
    from consilience.pipelines.report.payload import payload

    check(scores)
    if profile is not None:
        check_profile(profile)
    return page(
        HERE / "template.html",
        about(scores, profile),
        data=payload(scores, profile),
        scripts=[HERE / x for x in SCRIPTS],
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


def check_profile(profile: xr.Dataset) -> None:
    """Refuse what is not a profile."""
    if "score" not in profile or profile["score"].dims != ("metric", "a"):
        raise BadInput(
            "a profile, with dims (metric, a)", f"a Dataset with dims {tuple(profile.sizes)}",
            "give what profile() returns, or open_scores() of a profile.nc",
        )  # fmt: skip
