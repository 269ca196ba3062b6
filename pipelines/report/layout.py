"""The layout that the notebook's figures share."""

from typing import Any

from consilience.pipelines.report import theme

LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
GRID = {"hovertemplate": "%{text}<extra></extra>", "hoverongaps": False}
POINT = {"hovertemplate": "%{text}<extra></extra>", "cliponaxis": False}
NAME = {
    "showarrow": True,
    "arrowhead": 0,
    "arrowwidth": 0.75,
    "arrowcolor": theme.LIGHT["soft"],
    "standoff": 6,
}
LABELS = {"showgrid": False, "automargin": True, "ticks": "outside", "tickcolor": theme.LIGHT["page"]}
BARE = {"showticklabels": False, "ticks": "", "zeroline": False, "showgrid": False, "showline": False}


def frame(**size: int) -> dict[str, Any]:
    """Type, ink and quiet axes."""
    rule = theme.LIGHT["rule"]
    quiet = {"gridcolor": rule, "linecolor": rule, "zerolinecolor": rule}
    return {
        "template": "none",
        "font": {"family": theme.SANS, "size": 13, "color": theme.LIGHT["ink"]},
        "paper_bgcolor": theme.LIGHT["page"],
        "plot_bgcolor": theme.LIGHT["page"],
        "margin": {"l": 150, "r": 30, "t": 60, "b": 100},
        "hoverlabel": {"align": "left", "font": {"family": theme.SANS, "size": 13}},
        "xaxis": quiet,
        "yaxis": quiet,
        **size,
    }


def colorbar(title: str) -> dict[str, Any]:
    """A thin scale above the right end of a heat map."""
    shape = {"orientation": "h", "thickness": 9, "len": 0.5, "outlinewidth": 0, "nticks": 5}
    place = {"x": 1, "xanchor": "right", "y": 1.01, "yanchor": "bottom"}
    return {"title": {"text": title, "side": "top", "font": {"size": 12}}, **shape, **place}
