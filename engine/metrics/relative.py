"""Relational profiles: each sample by its similarities to anchors that both representations share."""

from typing import Any

import numpy as np

from consilience.engine.inference.linear_null import linear
from consilience.engine.metrics.held_out import Fit, Scores, Side, exact, quantised, unit
from consilience.engine.metrics.registry import Choice, Number, Work, register
from consilience.engine.metrics.retrieval import RECALL, recall


def cosines(side: Side, anchors: int) -> np.ndarray:
    """Cosines (m, anchors) of every sample scored with that many train rows, or with all; 0 of a row of zeros."""
    anchored = unit(side.raw(side.split.anchors(anchors)))
    return quantised(unit(side.raw(side.held.rows)) @ anchored.T)


def _angles(side: Side, anchors: int, **_: Any) -> np.ndarray:
    return unit(np.arccos(np.clip(cosines(side, anchors), -1.0, 1.0)) / np.pi)


def _agreement(left: np.ndarray, right: np.ndarray, fit: Fit, report: str) -> Scores:
    """Of profiles (m, anchors) of length 1."""
    if report in RECALL:
        return recall(left @ right.T, fit.held, RECALL[report])
    inside = fit.held.inside
    return Scores(
        fit.held.means((left * right).sum(axis=1)),
        lambda s: linear(left[inside[s]] @ right[inside[s]].T).scaled(inside[s].sum()),
    )


PROFILES: dict[str, Any] = {  # what both metrics declare alike
    "needs": "held_out",
    "work": lambda report, **_: (
        Work(entry=2.0, null=30.0) if report == "similarity" else Work(entry=22.0, null=8.0)
    ),
    "parameters": {
        "report": Choice(("similarity", *RECALL)),
        "anchors": Number(256, 2),
        "gallery": Number(1000, 4),
    },
    "symmetric": lambda report, **_: report == "similarity",
    "direction": "similarity",
    "null": exact,
    "invariances": ("permutation", "rotation", "scaling"),
}


@register(
    "relative",
    factor=lambda side, anchors, **_: unit(cosines(side, anchors)),
    range=lambda report, **_: (-1 if report == "similarity" else 0, 1),
    source="Moschella et al. 2023",
    **PROFILES,
)
def relative(
    left: np.ndarray, right: np.ndarray, fit: Fit, *, report: str, anchors: int, gallery: int
) -> Scores:
    """Relative representations: similarity of the two sets of cosines to shared anchors.

    similarity: mean over i of cos(r_X(i), r_Y(i)), r_X(i) = (cos(x_i, x_a))_a; recall_k: share of i whose r_Y(i) is
    among the k nearest to r_X(i) (directed)

    The anchors a are `anchors` samples of one half, drawn by the seed (all if there are fewer); i are at most
    `gallery` samples of the other half. Nothing is fitted: retrieval is zero-shot. Cosines are of the features as
    they are, not centred; a row of zeros has cosine 0 with every other. The error is that of the samples i with the
    anchors as they are, and the null permutes their pairing.

    Misleads where all samples point nearly the same way: cosines to the anchors are then alike for everybody, and so
    is the similarity. It changes with the anchors that are drawn.
    """
    return _agreement(left, right, fit, report)


@register(
    "indra",
    factor=_angles,
    biased=lambda report, **_: report == "similarity",
    range=(0, 1),
    source="Lu et al. 2025",
    **PROFILES,
)
def indra(
    left: np.ndarray, right: np.ndarray, fit: Fit, *, report: str, anchors: int, gallery: int
) -> Scores:
    """Relational profiles: similarity of the two sets of angular distances to a shared anchor set.

    similarity: mean over i of cos(r_X(i), r_Y(i)), r_X(i) = (arccos(cos(x_i, x_a)) / π)_a; recall_k: share of i whose
    r_Y(i) is among the k nearest to r_X(i) (directed)

    Samples i and anchors a are those of `relative`. No distance is negative, so that unrelated samples score near 1
    too: read it against its null.

    Misleads as `relative` does, and more so: the level says nothing, only its distance from the null.
    """
    return _agreement(left, right, fit, report)
