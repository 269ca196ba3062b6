"""The report of a brain study: one HTML file that works without a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

HERE = Path(__file__).parent
REPORT = HERE.parents[1] / "report"
SCRIPTS = ("data.js", "aligned.js", "tests.js", "pairs.js", "encoded.js", "reliable.js", "maps.js", "main.js")


def write(results: "Mapping[str, xr.Dataset]", path: str | Path) -> Path:
    """Write the report of the tables ``alignment``, ``encoding``, ``units`` and ``reliability``, as far as there are,
    to `path`; return it."""
    from consilience.pipelines.report.page import save

    return save(render(results), path)


def render(results: "Mapping[str, xr.Dataset]") -> str:
    """The report as one string of HTML."""
    from consilience.pipelines.brain.report.about import about
    from consilience.pipelines.brain.report.maps import maps
    from consilience.pipelines.brain.report.payload import payload
    from consilience.pipelines.report.page import page

    brain = maps(results)
    return page(
        HERE / "template.html",
        about(results) | {"maps": brain["figures"]},
        data=payload(results) | {"maps": brain},
        scripts=[
            REPORT / "numbers.js",
            HERE / SCRIPTS[0],
            REPORT / "look.js",
            *(HERE / x for x in SCRIPTS[1:]),
        ],
        styles=[HERE / "brain.css"],
    )
