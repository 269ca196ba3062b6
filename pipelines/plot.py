"""Figures of a score table for a notebook: the ones that the report holds (``consilience.plot``).

Each returns a plotly figure. `metric` is an id of the table, or its bare name where only one fits; None is
the first.
"""

from html import escape
from typing import Any

import numpy as np
import xarray as xr

from consilience.pipelines.report import axes, theme
from consilience.pipelines.report.best import profile, sign
from consilience.pipelines.report.hovering import hover_grid
from consilience.pipelines.report.labels import place
from consilience.pipelines.report.layout import BARE, GRID, LABELS, LEGEND, NAME, POINT, colorbar, frame
from consilience.pipelines.report.maps import plane
from consilience.pipelines.report.provenance import attr, metric_id


def heatmap(
    scores: xr.Dataset, metric: str | None = None, model_a: str | None = None, model_b: str | None = None
) -> Any:
    """Every layer (rows, side a) with every layer (columns, side b); of one model, or (None) of all.

    Layers that the metric was not asked for are left out; a pair without a score is grey, and says why when
    pointed at. Raises BadInput for an unknown metric or model.
    """
    import plotly.graph_objects as go

    metric = metric_id(scores, metric)
    rows, columns = axes.positions(scores, metric, "a", model_a), axes.positions(scores, metric, "b", model_b)
    cells = np.ix_(rows, columns)
    z = scores["score"].sel(metric=metric).values[cells]
    more = sign(scores, metric) > 0
    bar = colorbar(metric if more else f"{metric} (smaller is more alike)")
    figure = go.Figure()
    text = hover_grid(scores, metric, cells)
    figure.add_heatmap(z=z, text=text, colorscale=theme.scale(more), colorbar=bar, **GRID)
    if np.isnan(z).any():
        grey = [[0, theme.LIGHT["undefined"]], [1, theme.LIGHT["undefined"]]]
        empty = np.where(np.isnan(z), 0, np.nan)
        figure.add_heatmap(z=empty, text=text, colorscale=grey, showscale=False, **GRID)
    for side, at, add in (("a", rows, figure.add_hline), ("b", columns, figure.add_vline)):
        for seam in axes.seams(scores, side, at):
            add(seam, line={"color": theme.LIGHT["page"], "width": 1.5})
    cell = min(34, 640 / len(columns))
    height = int(np.clip(cell * len(rows), 200, 900)) + 140
    figure.update_layout(frame(height=height, width=int(cell * len(columns)) + 220))
    figure.update_xaxes(axes.ticks(scores, "b", columns, model_b), tickangle=-40, **LABELS)
    figure.update_yaxes(axes.ticks(scores, "a", rows, model_a), autorange="reversed", **LABELS)
    return figure


def layers(scores: xr.Dataset, a: str, b: str, metric: str | None = None) -> Any:
    """How the agreement of model `a` with model `b` runs over the layers of `a`.

    Faint lines: every layer of b, the darker the deeper. Bold, with its 95 % band: for each layer of a the
    layer of b that one half of the samples chooses, as the other half scores it. Raises BadInput for an
    unknown metric or model.
    """
    import plotly.graph_objects as go

    metric = metric_id(scores, metric)
    rows, columns = axes.positions(scores, metric, "a", a), axes.positions(scores, metric, "b", b)
    one = scores.sel(metric=metric).isel(a=rows, b=columns)
    x = np.arange(len(rows))
    figure = go.Figure()
    for j in range(len(columns)):
        depth = j / max(1, len(columns) - 1)
        figure.add_scatter(
            x=x, y=one["score"].values[:, j], mode="lines", name=escape(str(one["layer_b"].values[j])),
            showlegend=False, line={"width": 1, "color": theme.faint(depth)}, hovertemplate="%{y:.3f}",
        )  # fmt: skip
    chosen, score, low, high = profile(scores, metric, rows, columns)
    if len(chosen):
        band = {"x": np.r_[chosen, chosen[::-1]], "y": np.r_[low, high[::-1]], "hoverinfo": "skip"}
        shade = {"fill": "toself", "fillcolor": theme.band(), "line": {"width": 0}, "mode": "lines"}
        figure.add_scatter(**band, **shade, showlegend=False)
        bold = {"width": 2.5, "color": theme.LIGHT["warm"]}
        figure.add_scatter(
            x=chosen, y=score, mode="lines+markers", name=BOLD, line=bold, hovertemplate="%{y:.3f}"
        )
    figure.update_layout(frame(height=420, width=760), hovermode="closest", legend=LEGEND)
    figure.update_xaxes(
        axes.ticks(scores, "a", rows, a), title=f"layer of {escape(a)}", tickangle=-40, showgrid=False
    )
    figure.update_yaxes(
        title=f"score with {escape(b)}", rangemode="tozero" if sign(scores, metric) > 0 else "normal"
    )
    return figure


BOLD = "layer chosen on one half of the samples, scored on the other (95 % interval)"


def zoo(scores: xr.Dataset, metric: str | None = None) -> Any:
    """The models in the plane, by classical scaling of their best-layer scores on held-out samples.

    A line joins each model to its nearest. Raises BadInput where fewer than three models can be placed.
    """
    import plotly.graph_objects as go

    metric = metric_id(scores, metric)
    found = plane(scores, metric)
    cards = attr(scores, "cards", {})
    kinds = [cards.get(m, {}).get("modality", "") for m in found.models]
    figure = go.Figure()
    for i, j in enumerate(found.nearest):
        x, y = found.xy[[i, j]].T
        line = {"color": theme.LIGHT["rule"], "width": 1.5}
        figure.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    for k, kind in enumerate(dict.fromkeys(kinds)):
        at = [i for i, other in enumerate(kinds) if other == kind]
        figure.add_scatter(
            x=found.xy[at, 0], y=found.xy[at, 1], text=[escape(found.models[i]) for i in at], mode="markers", name=kind,
            showlegend=len(set(kinds)) > 1, marker={"size": 11, "color": theme.kind(k)}, **POINT,
        )  # fmt: skip
    for (x, y), model, where in zip(found.xy, found.models, place(found.xy, found.models)):
        figure.add_annotation(x=x, y=y, text=escape(model), **NAME, **where)
    figure.update_layout(frame(height=480, width=640), legend=LEGEND)
    figure.update_xaxes(BARE)
    figure.update_yaxes(BARE, scaleanchor="x")
    return figure


class Report:
    """A score table that draws itself in a notebook: the whole report, in a frame of `height` pixels."""

    def __init__(self, scores: xr.Dataset, height: int = 900):
        self.scores, self.height = scores, height

    def _repr_html_(self) -> str:
        from consilience.pipelines.report import render

        page = escape(render(self.scores), quote=True)
        style = f"width:100%;height:{self.height}px;border:0"
        return f'<iframe srcdoc="{page}" style="{style}" title="Score table"></iframe>'


def show(scores: xr.Dataset, height: int = 900) -> Report:
    """The report of `scores` inside a notebook cell."""
    return Report(scores, height)
