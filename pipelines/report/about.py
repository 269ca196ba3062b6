"""The words of the page: what was compared, how each number was had, and how to cite it."""

from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.scores import WIDE
from consilience.pipelines.report.best import names
from consilience.pipelines.report.chains import chains
from consilience.pipelines.report.provenance import attr, compared
from consilience.pipelines.report.traits import told
from consilience.pipelines.zoo.words import by_others


def about(scores: xr.Dataset, profile: xr.Dataset | None = None) -> dict[str, Any]:
    """The template's context, but for the figures' data; every part may be empty."""
    version = str(scores.attrs.get("version", ""))
    n = scores["n"].values
    others = by_others(scores)
    return {
        "title": str(scores.attrs.get("study", "")) or "Representations compared",
        "summary": [sentence for sentence in attr(scores, "summary", []) if sentence not in others],
        "others": others,
        "created": str(scores.attrs.get("created", ""))[:10],
        "version": version,
        "seed": scores.attrs.get("seed"),
        "samples": int(np.nanmax(n)) if np.isfinite(n).any() else None,
        "models": {side: names(scores, side) for side in "ab"},
        "zoo": list(dict.fromkeys(names(scores, "a") + names(scores, "b"))),
        "layers": len(set(scores["a"].values) | set(scores["b"].values)),
        "metrics": [_metric(scores, str(m)) for m in scores["metric"].values],
        "chains": chains(scores),
        "traits": told(profile),
        "answer": attr(scores, "answer", {}),
        "run": attr(scores, "run", {}),
        "tables": attr(scores, "tables", []),
        "join": attr(scores, "join", {}),
        "cards": attr(scores, "cards", {}),
        "stimuli": attr(scores, "stimuli", {}),
        "elapsed": attr(scores, "elapsed", {}),
        "versions": attr(scores, "versions", {}),
        "holdout": bool(np.isfinite(scores["score_holdout"].values).any()),
        "bibtex": bibtex(version, str(scores.attrs.get("created", ""))[:4]),
    }


def _metric(scores: xr.Dataset, metric: str) -> dict[str, Any]:
    one = scores.sel(metric=metric)
    rows, columns = compared(scores, metric)
    told = attr(scores, "metrics", {}).get(metric, {})
    n = one["n"].values[np.isfinite(one["n"].values)]
    return {
        "id": metric,
        "title": told.get("title", metric).rstrip("."),
        "formula": told.get("formula", ""),
        "source": told.get("source", ""),
        "range": told.get("range", ""),
        "direction": str(one["direction"].item()),
        "null": str(one["null"].item()),
        "groups": int(one["groups"].item()),
        "groups_holdout": int(one["groups_holdout"].item()),
        "layers": (len(rows), len(columns)),
        "samples": (int(n.min()), int(n.max())) if len(n) else None,
        "wide": attr(scores, "notes", {}).get(metric, {}).get(WIDE, []),
        "missing": int(np.isnan(one["score"].values[np.ix_(rows, columns)]).sum()),
    }


def bibtex(version: str, year: str) -> str:
    """The entry that cites the software; CITATION.cff holds the same."""
    lines = [
        ("author", "{The Consilience developers}"),
        ("title", "Consilience: comparing the representations of foundation models, and of brains"),
        ("version", version),
        ("year", year),
        ("note", "Apache-2.0"),
    ]
    fields = ",\n".join(f"  {key:<7} = {{{value}}}" for key, value in lines if value)
    return f"@software{{consilience,\n{fields}\n}}"
