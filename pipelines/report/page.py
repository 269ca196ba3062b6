"""A page that works offline: words, style, figures and their data in one string of HTML."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from consilience.pipelines.report import theme

HERE = Path(__file__).parent


def page(
    template: Path,
    context: Mapping[str, Any],
    *,
    data: Any,
    scripts: Sequence[Path],
    styles: Sequence[Path] = (),
    folders: Sequence[Path] = (),
) -> str:
    """`template` filled in, in the look of the report; it includes ``begin.html`` and ``end.html``.

    Args:
        context: what the words of the template are made of; `title`, `version` and `created` are for both.
        data: JSON that the scripts read, which share one scope in their order.
        styles: style sheets beside the report's own. folders: of what else the template includes.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader([template.parent, *folders, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thin"] = thin
    return environment.get_template(template.name).render(
        context,
        theme=theme,
        style=Markup(_read([HERE / "style.css", *styles])),
        licence=Markup(_read([HERE / "plotly-licence.js"])),
        plotly=Markup(_read([HERE / "plotly-cartesian.min.js"])),
        script=Markup(_read(scripts)),
        data=Markup(embed(data)),
    )


def save(text: str, path: str | Path) -> Path:
    """Write a page to `path`, and return it; folders above are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def embed(value: Any) -> str:
    """JSON that may stand inside a script element: no text in it can close the element."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace(
        "<", "\\u003c"
    )


def thin(number: int) -> str:
    """A whole number with its thousands set apart by a narrow space that does not break."""
    return f"{number:,}".replace(",", "\u202f")


def _read(paths: Sequence[Path]) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)
