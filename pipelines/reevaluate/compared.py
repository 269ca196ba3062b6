"""Two score tables, pair by pair: the change of every score with its standard error, and whether the inputs changed.

Where both runs have the same samples in the same row groups, the error of a change is the jackknife of the differences
of the scores without each group: what the two scores have in common drops out of it. Where these were not kept, or the
samples differ, it is √(se² before + se² after), as of scores that have nothing in common: for two scores of the same
samples that is too large, and so careful.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.engine.inference.jackknife import standard_error
from consilience.pipelines.reevaluate.changes import inputs_of
from consilience.pipelines.reevaluate.rows import Compared
from consilience.pipelines.zoo import segments
from consilience.pipelines.zoo.pairscores import LEFT_OUT

if TYPE_CHECKING:
    import xarray as xr


def compared(before: "xr.Dataset", now: "xr.Dataset", folder: Path, afresh: Path | None = None) -> Compared:
    """Compare two score tables; `folder` is where scores are kept by pair (``.scores``), `afresh` where those of the
    second table are, if elsewhere."""
    columns: dict[str, list[np.ndarray]] = {name: [] for name in Compared.__dataclass_fields__}
    old, new = inputs_of(before), inputs_of(now)
    for metric in (str(m) for m in now["metric"].values):
        if metric not in before["metric"].values:
            continue
        rows, cols = (_common(before, now, side) for side in "ab")
        one, two = (x.sel(metric=metric, a=rows, b=cols) for x in (before, now))
        i, j = _once(rows, cols, now, metric)
        there = np.isfinite(one["score"].values[i, j]) & np.isfinite(two["score"].values[i, j])
        i, j = i[there], j[there]
        if not len(i):
            continue
        a, b = np.array(rows, object)[i], np.array(cols, object)[j]
        mine, other = old["metrics"][metric], new["metrics"][metric]
        keys = [[x["names"].get(str(n), "") for n in names] for names in (a, b) for x in (old, new)]
        unchanged = np.array([w == x and y == z for w, x, y, z in zip(*keys)], bool) & _alike(mine, other)
        errors = [x["se"].values[i, j] for x in (one, two)]
        apart = np.hypot(*errors)
        together = (
            _paired((folder, afresh or folder), mine, other, keys) if _same_groups(mine, other) else None
        )
        paired = np.zeros(len(i), bool) if together is None else np.isfinite(together)
        found = {
            "metric": np.full(len(i), metric, object), "a": a, "b": b,
            "model_a": two["model_a"].values[i], "model_b": two["model_b"].values[j],
            "before": one["score"].values[i, j], "after": two["score"].values[i, j],
            "se": apart if together is None else np.where(paired, together, apart),
            "groups": np.full(len(i), min(one["groups"].item(), two["groups"].item())),
            "off": np.abs(two["score"].values[i, j] - one["score"].values[i, j]), "paired": paired, "same": unchanged,
        }  # fmt: skip
        for name, values in found.items():
            columns[name].append(values)
    empty = {"metric": object, "a": object, "b": object, "paired": bool, "same": bool}
    return Compared(
        **{k: np.concatenate(v) if v else np.array([], empty.get(k, float)) for k, v in columns.items()}
    )


def scores_in(table: "xr.Dataset") -> int:
    """How many pairs of different representations have a score, each once, over all metrics."""
    a, b = ([str(x) for x in table[side].values] for side in "ab")
    return sum(
        int(np.isfinite(table["score"].sel(metric=m).values[_once(a, b, table, str(m))]).sum())
        for m in table["metric"].values
    )


def _common(before: "xr.Dataset", now: "xr.Dataset", side: str) -> list[str]:
    known = {str(x) for x in before[side].values}
    return [str(x) for x in now[side].values if str(x) in known]


def _once(rows: Sequence[str], cols: Sequence[str], now: "xr.Dataset", metric: str) -> tuple[np.ndarray, ...]:
    """Each pair of two different representations once; both ways round where that is not the same."""
    import json

    wanted = np.not_equal.outer(np.array(rows, object), np.array(cols, object))
    if rows == cols and json.loads(now.attrs["metrics"]).get(metric, {}).get("symmetric", False):
        wanted = np.triu(wanted)
    return wanted.astype(bool).nonzero()


def _alike(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether all but the version is the same."""
    return {k: v for k, v in old.items() if k != "context"} == {
        k: v for k, v in new.items() if k != "context"
    }


def _same_groups(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether samples fall into the same row groups."""
    return all(old[k] == new[k] for k in ("samples", "row_groups")) and all(
        old["settings"][k] == new["settings"][k] for k in ("groups", "seed", "until_se")
    )


def _paired(
    folders: tuple[Path, Path], old: Mapping[str, Any], new: Mapping[str, Any], keys: Sequence[Sequence[str]]
) -> np.ndarray | None:
    """Standard errors of the differences; NaN where the scores without each group were not kept."""
    without = [
        _left_out(folder / x["context"], a, b)
        for folder, x, a, b in ((folders[0], old, keys[0], keys[2]), (folders[1], new, keys[1], keys[3]))
    ]
    if any(x is None for x in without) or without[0].shape != without[1].shape:  # type: ignore[union-attr]
        return None
    return standard_error((without[1] - without[0]).T)  # type: ignore[operator]


def _left_out(folder: Path, a: Sequence[str], b: Sequence[str]) -> np.ndarray | None:
    """(pairs, groups): the scores of those pairs without each group, from the segments in `folder`."""
    at = {key: i for i, key in enumerate(dict.fromkeys([*a, *b]))}
    wanted = np.array([at[x] * len(at) + at[y] for x, y in zip(a, b)])
    order = np.argsort(wanted)
    found: np.ndarray | None = None
    for segment in segments.read(folder):
        if not segment.has(LEFT_OUT):
            continue
        left, right, values = segment.places("a", at), segment.places("b", at), segment.values(LEFT_OUT)
        codes = np.where((left >= 0) & (right >= 0), left * len(at) + right, -1)
        place = np.searchsorted(wanted, codes, sorter=order)
        place = order[np.minimum(place, len(order) - 1)]
        (rows,) = (wanted[place] == codes).nonzero()
        if found is None:
            found = np.full((len(wanted), values.shape[1]), np.nan)
        if found.shape[1] == values.shape[1]:
            found[place[rows]] = values[rows]
    return found
