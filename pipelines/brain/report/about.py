"""The words of a brain study's page: what was recorded, how each number was had, and how to cite it."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.pipelines.brain.report.payload import MOST_STIMULI
from consilience.pipelines.brain.words_aligned import few
from consilience.pipelines.brain.words_encoded import spaces_of
from consilience.pipelines.report.about import bibtex
from consilience.pipelines.report.provenance import attr

if TYPE_CHECKING:
    import xarray as xr


def about(results: "Mapping[str, xr.Dataset]") -> dict[str, Any]:
    """The template's context, but for the figures' data."""
    table = next(iter(results.values()))
    alignment, encoding = results.get("alignment"), results.get("encoding")
    version, created = str(table.attrs.get("version", "")), str(table.attrs.get("created", ""))
    return {
        "title": str(table.attrs.get("study", "")) or "Models and brains",
        "summary": attr(table, "summary", []),
        "created": created[:10],
        "version": version,
        "seed": table.attrs.get("seed"),
        "recordings": attr(table, "recordings", {}),
        "stimuli": attr(table, "stimuli", {}),
        "shown": attr(table, "shown", {}),
        "tables": attr(table, "tables", []),
        "cards": attr(table, "cards", {}),
        "notes": attr(table, "notes", []),
        "left_out": attr(table, "left_out", {}),
        "elapsed": attr(table, "elapsed", {}),
        "settings": attr(table, "settings", {}),
        "join": attr(table, "join", {}),
        "metrics": [] if alignment is None else _metrics(alignment),
        "ceilings": alignment is not None and bool(alignment["lower"].notnull().any()),
        "turing": alignment is not None and bool(alignment["gap"].notnull().any()),
        "null": alignment is not None and bool(alignment["null"].notnull().any()),
        "hierarchy": alignment is not None and bool(alignment["order_tau"].notnull().any()),
        "orders": [] if alignment is None else _orders(alignment),
        "pairs_few": _few(alignment),
        "encoded_pairs_few": _few(encoding),
        "universality": alignment is not None and bool(alignment["universality"].notnull().any()),
        "encoding": encoding is not None,
        "encoded_null": encoding is not None and "null" in encoding,
        "bounds": "" if encoding is None else _bounds(encoding),
        "encoded_orders": [] if encoding is None else _encoded_orders(encoding),
        "reliability": "reliability" in results,
        "reliability_metric": results["reliability"].attrs["metric"] if "reliability" in results else "",
        "decoded": "reliability" in results and bool(results["reliability"]["accuracy"].notnull().any()),
        "squares": "reliability" in results and results["reliability"].sizes["stimulus"] <= MOST_STIMULI,
        "nuisance": [] if encoding is None else spaces_of(encoding, "nuisance"),
        "bibtex": bibtex(version, created[:4]),
    }  # fmt: skip


def _metrics(alignment: "xr.Dataset") -> list[dict[str, Any]]:
    told = json.loads(alignment.attrs.get("metrics", "{}"))
    found = []
    for metric in (str(m) for m in alignment["metric"].values):
        of = told.get(metric, {})
        found.append(
            {
                "id": metric,
                "title": str(of.get("title", metric)).rstrip("."),
                "formula": of.get("formula", ""),
                "source": of.get("source", ""),
                "direction": str(alignment["direction"].sel(metric=metric).item()),
                "stimuli_by": str(alignment["stimuli_by"].sel(metric=metric).item()),
            }
        )
    return found


def _orders(alignment: "xr.Dataset") -> list[dict[str, Any]]:
    """Of every metric and model whether its best layers follow the hierarchy."""
    return [
        {
            "metric": str(metric), "model": str(model),
            **{
                name: float(alignment[of].sel(metric=metric, model=model)) if of in alignment else np.nan
                for name, of in (("tau", "order_tau"), ("subjects", "order_p"), ("stimuli", "order_p_stimuli"))
            },
        }
        for metric in alignment["metric"].values
        for model in alignment["model"].values
    ]  # fmt: skip


def _few(table: "xr.Dataset | None") -> str | None:
    """What the subjects are too few to show of pairs of models; None where there are no pairs."""
    if table is None or table.sizes["model"] < 2:
        return None
    return few(table.sizes["subject"], table.sizes["model"] * (table.sizes["model"] - 1) // 2)


def _bounds(encoding: "xr.Dataset") -> str:
    """By what the regions have ceilings: ``repeats``, ``others``, ``both``, or nothing."""
    repeats, others = (encoding[name].notnull().any("subject").values for name in ("ceiling", "lower"))
    if repeats.any():
        return "both" if (others & ~repeats).any() else "repeats"
    return "others" if others.any() else ""


def _encoded_orders(encoding: "xr.Dataset") -> list[dict[str, Any]]:
    """Of every model of several layers whether the chosen ones follow the hierarchy."""
    if "order_tau" not in encoding:
        return []
    known = encoding.isel(space=np.isfinite(encoding["order_tau"].values))
    return [
        {"model": str(space), "tau": float(tau), "p": float(p)}
        for space, tau, p in zip(known["space"].values, known["order_tau"].values, known["order_p"].values)
    ]
