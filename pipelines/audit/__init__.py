"""The page of an audit: findings, figures and the numbers behind them in one HTML file that works offline."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consilience.engine.audit import Audit

HERE = Path(__file__).parent
REPORT = HERE.parent / "report"


def write(audit: "Audit", path: str | Path) -> Path:
    """Write the page of an audit to `path`, and return it; folders above are made."""
    from consilience.pipelines.report.page import save

    return save(render(audit), path)


def render(audit: "Audit") -> str:
    """The page as one string of HTML."""
    from consilience.pipelines.audit.figures import figures
    from consilience.pipelines.audit.words import words
    from consilience.pipelines.report.page import page

    return page(
        HERE / "template.html",
        words(audit),
        data=figures(audit),
        scripts=[REPORT / "numbers.js", HERE / "data.js", REPORT / "look.js", HERE / "figures.js"],
        styles=[HERE / "audit.css"],
    )
