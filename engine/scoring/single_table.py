"""The profile: an xarray Dataset with dims (metric, a), of metrics of one representation.

Variables, each (metric, a): ``score``, ``se`` its standard error, ``n`` the samples it rests on. Coordinates:
``metric`` (canonical id) with ``groups`` (row groups behind the error; interval = score ± t(groups - 1) se) and
``error`` (how it was had); ``a`` ("model/layer") with ``model_a``, ``layer_a``. Provenance is in ``attrs``, JSON where
nested: ``reasons`` says by "metric|a" why a score is NaN, ``notes`` which samples were left out, the chance level
of a probe, or why there is no error.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import xarray as xr

from consilience.engine.features.join import Joined
from consilience.engine.scores import label
from consilience.engine.scoring.single import Profiled
from consilience.engine.scoring.table import provenance

VARIABLES = ("score", "se", "n")


def assemble(
    values: Mapping[str, np.ndarray],
    a: Sequence[tuple[str, str]],
    metric: Sequence[str],
    *,
    groups: Sequence[int],
    error: Sequence[str],
    attrs: Mapping[str, str | int | float],
) -> xr.Dataset:
    """A profile from plain arrays of shape (metric, a); `a` are (model, layer) names."""
    return xr.Dataset(
        {name: (("metric", "a"), np.asarray(values[name], np.float64)) for name in VARIABLES},
        coords={
            "metric": list(metric),
            "a": [label(*x) for x in a],
            "model_a": ("a", [m for m, _ in a]),
            "layer_a": ("a", [l for _, l in a]),
            "groups": ("metric", list(groups)),
            "error": ("metric", list(error)),
        },
        attrs=dict(attrs),
    )


def profile_table(profiled: Sequence[Profiled], joined: Joined, *, seed: int, seconds: float) -> xr.Dataset:
    """The profile of the joined representations, a metric after the other."""
    return assemble(
        {name: np.array([getattr(p, name) for p in profiled]) for name in VARIABLES},
        [(r.model, r.layer) for r in joined.representations],
        [p.request.id for p in profiled],
        groups=[p.groups for p in profiled],
        error=[p.error for p in profiled],
        attrs=provenance(
            [p.request for p in profiled], joined, seed=seed, seconds=seconds, stage="profile",
            reasons=_told(
                profiled, joined, lambda p, i: "" if np.isfinite(p.score[i]) else p.request.metric.undefined
            ),
            notes=_told(profiled, joined, lambda p, i: _note(p, i, joined.n)),
        ),
    )  # fmt: skip


def _told(
    profiled: Sequence[Profiled], joined: Joined, words: Callable[[Profiled, int], str]
) -> dict[str, str]:
    """What there is to say of a score, by "metric|a"."""
    said = {
        f"{p.request.id}|{r.name}": words(p, i)
        for p in profiled
        for i, r in enumerate(joined.representations)
    }
    return {key: text for key, text in said.items() if text}


def _note(p: Profiled, i: int, n: int) -> str:
    left = n - int(p.n[i]) if p.request.metric.leaves_out else 0
    said = [p.notes[i]] if p.notes else []
    said += [f"{left} of {n} samples left out: {p.request.metric.leaves_out}"] if left else []
    if p.groups and np.isfinite(p.score[i]) and not np.isfinite(p.se[i]):
        said.append("no standard error: the score is undefined on some part of the samples")
    return "; ".join(said)
