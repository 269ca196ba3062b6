"""From evaluated metrics to the score table: the pairs wanted, and where every number comes from."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine import scores
from consilience.engine.features.join import Joined
from consilience.engine.metrics.registry import Request, spelled_range
from consilience.engine.scoring.evaluated import Evaluated

NO_SPREAD = "no z: the scores of permuted samples do not differ, or are not defined"


def score_table(
    evaluated: Sequence[Evaluated],
    joined: Joined,
    a: Sequence[int],
    b: Sequence[int],
    asked: Sequence[tuple[int, int]],
    *,
    seed: int,
    seconds: float,
    left_out: bool = False,
) -> xr.Dataset:
    """The scores of representations `a` with representations `b` (numbers in `joined`), a metric after the other; NaN
    of pairs that were not `asked` for. `left_out` adds the scores without each row group, NaN where a metric has fewer.
    """
    cut = np.ix_(a, b)
    wanted = _either_way(asked, len(joined.representations))[cut]
    columns = [{k: np.where(wanted, v[cut], np.nan) for k, v in e.variables().items()} for e in evaluated]
    nothing = np.full((len(a), len(b)), np.nan)
    values = {
        name: np.stack([c.get(name, nothing) for c in columns])
        for name in scores.VARIABLES
        if any(name in c for c in columns)
    }
    names = [(r.model, r.layer) for r in joined.representations]
    reasons = _reasons(evaluated, joined, a, b, wanted)
    notes = {e.request.id: e.notes for e in evaluated if e.notes}
    table = scores.assemble(
        values,
        [names[i] for i in a],
        [names[i] for i in b],
        [e.request.id for e in evaluated],
        groups=[e.groups for e in evaluated],
        groups_holdout=[e.groups_holdout for e in evaluated],
        direction=[e.request.metric.direction for e in evaluated],
        null=[e.how for e in evaluated],
        attrs=provenance(
            [e.request for e in evaluated], joined, seed=seed, seconds=seconds, notes=notes, reasons=reasons
        ),
    )
    if not left_out:
        return table
    shape = (len(evaluated), max(e.groups for e in evaluated), *wanted.shape)
    without = np.full(shape, np.nan, np.float32)
    for k, e in enumerate(evaluated):
        found = e.values[e.subsets.leave_out][np.ix_(range(e.groups), a, b)]
        without[k, : e.groups] = np.where(wanted, found, np.nan)
    return table.assign(left_out=(("metric", "group", "a", "b"), without))


def provenance(
    requests: Sequence[Request],
    joined: Joined,
    *,
    seed: int,
    seconds: float,
    stage: str = "comparison",
    **more: Any,
) -> dict[str, str | int | float]:
    """The attributes of a table; what is nested, and every one of `more`, as JSON. `stage` took so many `seconds`."""
    nested = {
        "metrics": {r.id: _about(r) for r in requests},
        "join": {"rows": joined.n, "dropped": joined.dropped},
        "elapsed": {stage: round(seconds, 3)},
        **more,
    }
    return {
        "version": version("consilience"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        **{k: json.dumps(v) for k, v in nested.items()},
    }


def _about(request: Request) -> dict[str, str | bool]:
    told = {k: getattr(request.metric, k) for k in ("title", "formula", "source")}
    return {**told, "range": spelled_range(request.range), "symmetric": request.symmetric}


def _either_way(pairs: Sequence[tuple[int, int]], count: int) -> np.ndarray:
    """(R, R), true at those pairs both ways round."""
    wanted = np.zeros((count, count), bool)
    i, j = np.array(pairs).T
    wanted[i, j] = wanted[j, i] = True
    return wanted


def _reasons(
    evaluated: Sequence[Evaluated],
    joined: Joined,
    a: Sequence[int],
    b: Sequence[int],
    wanted: np.ndarray,
) -> dict[str, str]:
    """Why a score that was wanted is NaN, or its z, by "metric|a|b"."""
    names = [r.name for r in joined.representations]
    reasons = {}
    for e in evaluated:
        cut = np.ix_(a, b)
        absent = ~np.isfinite(e.values[e.subsets.full][cut]) & wanted
        told = [(e.request.metric.undefined, absent)]
        if e.tail is not None:
            null = e.tail.null
            spread = np.isfinite(null.mean[cut]) & (null.sd[cut] > 0)
            told.append((NO_SPREAD, ~spread & ~absent & wanted))
        for why, where in told:
            for i, j in zip(*np.nonzero(where)):
                reasons[f"{e.request.id}|{names[a[i]]}|{names[b[j]]}"] = why
    return reasons
