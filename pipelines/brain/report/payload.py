"""What the figures of a brain study's page are drawn from, as one JSON value."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.pipelines.report import theme
from consilience.pipelines.report.numbers import number
from consilience.pipelines.report.provenance import attr

if TYPE_CHECKING:
    import xarray as xr

BINS = 40
MOST_STIMULI = 128
PER_RELIABLE = ("accuracy", "rdm", "rdm_pairs", "rdm_lower", "rdm_upper")
PER_MODEL = ("mean", "low", "high", "chance", "normalised", "gap", "gap_low", "gap_high", "best_depth")
UNIVERSALITY = ("universality", "universality_low", "universality_high")
TESTS = ("r_p", "unique_r2_p", "unique_r2_q")
PER_SPACE = tuple(f"{name}_{x}" for name in ("r", "unique_r2") for x in ("mean", "low", "high"))


def payload(results: "Mapping[str, xr.Dataset]") -> dict[str, Any]:
    """The data block of the page."""
    aligned, encoded, held = (results.get(what) for what in ("alignment", "encoding", "reliability"))
    return {
        "font": theme.SANS,
        "scale": theme.SEQUENTIAL,
        "hierarchy": attr(next(iter(results.values())), "settings", {}).get("hierarchy"),
        "alignment": None if aligned is None else alignment(aligned),
        "encoding": None if encoded is None else encoding(encoded),
        "reliability": None if held is None else reliability(held),
    }


def alignment(table: "xr.Dataset") -> dict[str, Any]:
    """Names once, then the numbers of each metric, over regions first."""
    models = [str(m) for m in table["model"].values]
    return {
        "regions": _texts(table["region"]),
        "subjects": _texts(table["subject"]),
        "models": models,
        "layers": [
            {"model": models.index(str(m)), "layer": str(l), "depth": number(d)}
            for m, l, d in zip(table["model_of"].values, table["layer"].values, table["depth"].values)
        ],
        "metrics": [_metric(table.sel(metric=m)) for m in table["metric"].values],
    }


def _metric(one: "xr.Dataset") -> dict[str, Any]:
    return {
        "id": str(one["metric"].item()),
        "direction": str(one["direction"].item()),
        "score": nested(one["score"].mean("subject").transpose("region", "representation").values),
        "lower": nested(one["lower"].values),
        "upper": nested(one["upper"].values),
        "held": nested(one["held_out"].transpose("region", "model", "subject").values),
        "chosen": one["chosen"].transpose("region", "model", "subject").values.tolist(),
        **{name: nested(one[name].transpose("region", "model").values) for name in PER_MODEL},
        "log10_p": nested(_log(one["p"].transpose("region", "model").values)),
        "verdict": one["verdict"].transpose("region", "model").values.tolist(),
        "brains": [_pairs(one["brain_brain"].sel(region=r)) for r in one["region"].values],
        "null": nulls(one["null"].transpose("region", "model", "draw").values),
        "agreement": nested(one["agreement"].values),
        "brain_agreement": nested(one["brain_agreement"].transpose("region", "representation").values),
        **{name: nested(one[name].values) for name in UNIVERSALITY},
        "log10_universality_p": nested(_log(one["universality_p"].values)),
        "pairs": pairs_of(one),
    }


def pairs_of(table: "xr.Dataset") -> list[list[dict[str, Any]]]:
    """Of every region the pairs of models, the better one first, by how far they differ."""
    found = []
    for region in table["region"].values:
        one, names, pairs = table.sel(region=region), _texts(table["model"]), []
        values = {
            name: one[name].transpose("model", "model_b").values
            for name in (
                "difference",
                "difference_low",
                "difference_high",
                "difference_q",
                "difference_q_stimuli",
            )
            if name in one
        }
        for a, b in zip(*np.triu_indices(len(names), 1)):
            better, other = (b, a) if values["difference"][a, b] < 0 else (a, b)
            its = {name: values[name][better, other] for name in values}
            q = {f"log10_{name}": number(_log(its.pop(name))) for name in list(its) if "_q" in name}
            told = {name: number(value) for name, value in its.items()} | q
            pairs.append((its["difference"], {"models": [names[better], names[other]], **told}))
        pairs.sort(key=lambda pair: -np.nan_to_num(pair[0]))
        found.append([pair for _, pair in pairs])
    return found


def encoding(table: "xr.Dataset") -> dict[str, Any]:
    """Spaces, and their numbers over regions first."""
    over = ("region", "space")
    return {
        "regions": _texts(table["region"]),
        "subjects": _texts(table["subject"]),
        "spaces": [
            {"name": str(s), "kind": str(k)} for s, k in zip(table["space"].values, table["kind"].values)
        ],
        "r": nested(table["r"].transpose(*over, "subject").values),
        "unique_r2": nested(table["unique_r2"].transpose(*over, "subject").values),
        "layer": table["layer"].transpose(*over, "subject").values.tolist(),
        **{name: nested(table[name].transpose(*over).values) for name in PER_SPACE},
        **{f"log10_{name}": nested(_log(table[name].transpose(*over).values)) for name in TESTS},
        "best_depth": nested(table["best_depth"].transpose(*over).values),
        **{name: nested(table[name].mean("subject").values) for name in ("lower", "upper", "ceiling")},
        "normalised": nested(table["normalised"].transpose(*over).values),
        "pairs": pairs_of(table),
        "matrix": matrix(table),
        "null": None if "null" not in table else nulls(table["null"].transpose(*over, "draw").values),
        "log10_null_p": None if "null_p" not in table else nested(_log(table["null_p"].transpose(*over).values)),
        "bounded": [int(count) for count in table["bounded"].values],
    }  # fmt: skip


def matrix(table: "xr.Dataset") -> dict[str, Any]:
    """Every layer, where r of all is known, else what was told of each space; then nuisance, each r by itself."""
    kinds, means = table["kind"].values, table["r_mean"].transpose("region", "space").values
    columns = [(str(s).partition("/")[0], str(s).partition("/")[2]) for s in table["space"].values]
    if "layer_r" in table:
        layers = [
            (str(m), str(r).removeprefix(f"{m}/"))
            for r, m in zip(table["representation"].values, table["model_of"].values)
        ]
        every = table["layer_r"].mean("subject").transpose("region", "representation").values
        beside = kinds == "nuisance"
        columns = [*layers, *(c for c, kept in zip(columns, beside) if kept)]
        means = np.concatenate([every, means[:, beside]], axis=1)
    models = list(dict.fromkeys(model for model, _ in columns))
    return {
        "models": models,
        "layers": [{"model": models.index(model), "layer": layer} for model, layer in columns],
        "score": nested(means),
    }


def reliability(table: "xr.Dataset") -> dict[str, Any]:
    """Numbers of every subject over regions first, and matrices of stimuli as means over subjects, if they can be
    seen."""
    over = ("region", "subject")
    stimuli = _texts(table["stimulus"])
    squares = {}
    for name in ("rdm_of_mean", "confusion"):
        mean = table[name].transpose("region", "stimulus", "other", "subject")
        seen = len(stimuli) <= MOST_STIMULI and bool(mean.notnull().any())
        squares[name] = nested(mean.mean("subject").values) if seen else None
    return {
        "regions": _texts(table["region"]), "subjects": _texts(table["subject"]), "repeats": _texts(table["repeat"]),
        "stimuli": stimuli, "chance": number(table["chance"].mean().item()),
        "accuracy_repeat": nested(table["accuracy_repeat"].transpose(*over, "repeat").values),
        **{name: nested(table[name].transpose(*over).values) for name in PER_RELIABLE},
        **{f"log10_{name}": nested(_log(table[name].transpose(*over).values)) for name in ("accuracy_p", "rdm_p")},
        **squares,
    }  # fmt: skip


def nested(values: np.ndarray) -> Any:
    """Nested lists of JSON numbers, None for NaN."""
    return [nested(v) for v in values] if np.ndim(values) else number(values)


def _texts(values: "xr.DataArray") -> list[str]:
    return [str(x) for x in values.values]


def _log(p: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.where(p > 0, np.log10(p), -999.0) + np.where(np.isnan(p), np.nan, 0.0)


def _pairs(brain_brain: "xr.DataArray") -> list[dict[str, Any]]:
    """The scores of every two subjects; both ways of a directed metric."""
    names, values = _texts(brain_brain["subject"]), brain_brain.transpose("other", "subject").values
    both = not np.allclose(values, values.T, equal_nan=True)
    pairs = [(i, j) for i in range(len(names)) for j in range(len(names)) if (i != j if both else i < j)]
    return [
        {"pair": f"{names[i]} and {names[j]}", "score": number(values[i, j])}
        for i, j in pairs
        if np.isfinite(values[i, j])
    ]


def nulls(draws: np.ndarray) -> list[list[dict[str, Any] | None]]:
    """Histograms of draws (regions, models, draws)."""
    return [[_histogram(own) for own in of_region] for of_region in draws]


def _histogram(draws: np.ndarray) -> dict[str, Any] | None:
    known = draws[np.isfinite(draws)]
    if not len(known):
        return None
    counts, edges = np.histogram(known, min(BINS, max(8, round(1.3 * len(known) ** 0.5))))
    return {"edges": nested(edges), "counts": counts.tolist()}
