"""Linear probes of labels: fitted on one half of the samples, scored on every subset of the groups held out."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.inference.split import Held, Split, held_out, split
from consilience.engine.metrics.registry import Request
from consilience.engine.metrics.single_probe import MOST_STEPS
from consilience.engine.passes.blocks import centred
from consilience.engine.passes.executors import joined
from consilience.engine.passes.moments import BLOCK_ROWS
from consilience.engine.scoring.single import DTYPE, Profiled, SingleWork, jackknifed

LEAST = 2  # samples of a class, and classes or different numbers, in either half
# Said in the notes instead. Whatever else stops the solver stays a warning.
OUT_OF_STEPS = r"lbfgs failed to converge.*status=1"


def target(labels: np.ndarray, task: str) -> np.ndarray:
    """What is predicted (n,): float64 for a regression, else the number of each sample's class, from 0."""
    if task == "r2" or (task == "auto" and labels.dtype.kind == "f"):
        return labels.astype(np.float64)
    return np.unique(labels, return_inverse=True)[1]


def check_probes(requests: Sequence[Request], labels: np.ndarray, seed: int) -> None:
    """Refuse labels that no probe can be fitted to on one half of the samples, or scored by on the other."""
    cut = split(len(labels), seed)
    for r in requests:
        task = r.parameters["task"]
        if task == "r2" and labels.dtype.kind not in "biuf":
            raise BadInput(f"labels that are numbers for {r.id!r}", repr(str(labels[0])), "use task=accuracy")
        y = target(labels, task)
        if not np.isfinite(y).all():
            raise BadInput(
                f"finite labels for {r.id!r}", "infinite ones", "leave those samples out, or name classes"
            )
        for half, rows in (("train", cut.anchors(r.parameters["samples"])), ("held-out", cut.held)):
            if len(np.unique(y[rows])) < LEAST:
                raise BadInput(
                    f"{LEAST} different labels or more among the {half} samples for {r.id!r}", "one",
                    "give labels that tell samples apart, or more samples",
                )  # fmt: skip
            if y.dtype.kind != "f" and (counts := np.bincount(y[rows], minlength=y.max() + 1)).min() < LEAST:
                fix = "use broader classes, more samples or another seed"
                raise BadInput(
                    f"{LEAST} samples or more of every class among the {half} samples for {r.id!r}",
                    f"{counts.min()} of {str(np.unique(labels)[counts.argmin()])!r}",
                    fix + (", or task=r2 for numbers" if labels.dtype.kind in "iuf" else ""),
                )  # fmt: skip


def from_probes(requests: Sequence[Request], work: SingleWork) -> list[Profiled]:
    """Every request on every representation; groups are made inside the held-out half."""
    from sklearn.exceptions import ConvergenceWarning

    assert work.labels is not None
    cut = split(work.groups.n, work.seed)
    held = held_out(cut.held, work.groups.count, work.seed, se=True)
    count = len(work.representations)
    calls = [(r, work, k, cut, held) for r in requests for k in range(count)]
    costs = [float(work.representations[k].d) for _, _, k, _, _ in calls]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", OUT_OF_STEPS, ConvergenceWarning)
        found = work.run(_probed, calls, joined, costs=costs, stage="probes")
    n = np.full(count, len(held.rows))
    profiled = []
    for i, request in enumerate(requests):
        values, notes = zip(*found[i * count : (i + 1) * count])
        profiled.append(jackknifed(request, np.stack(values, axis=1), n, held.subsets, notes))
    return profiled


def _probed(
    request: Request, work: SingleWork, k: int, cut: Split, held: Held
) -> list[tuple[np.ndarray, str]]:
    """Scores (S,) of one representation, and what there is to say of them."""
    assert work.labels is not None
    y = target(work.labels, request.parameters["task"])
    train = cut.anchors(request.parameters["samples"])
    model = request.metric.finish(_rows(work, k, train), y[train], **request.parameters)
    predicted = np.concatenate(
        [
            model.predict(_rows(work, k, held.rows[start : start + BLOCK_ROWS]))
            for start in range(0, len(held.rows), BLOCK_ROWS)
        ]
    )
    said, actual = f"fitted on {len(train)} of {len(cut.train)} train samples", y[held.rows]
    if y.dtype.kind == "f":
        residual, deviation = (actual - predicted) ** 2, (actual - y[train].mean()) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            values = 1 - held.means(residual) / held.means(deviation)
        return [(values, f"r2, chance 0; {said}")]
    chance = np.bincount(actual).max() / len(actual)
    said = f"accuracy of {y.max() + 1} classes, chance {chance:.4g}; {said}"
    if model[-1].n_iter_.max() >= MOST_STEPS:
        said += f"; not converged after {MOST_STEPS} steps"
    return [(held.means(predicted == actual), said)]


def _rows(work: SingleWork, k: int, rows: np.ndarray) -> Any:
    """Those rows of one representation in its frame, where squares neither overflow nor vanish."""
    return centred(work.representations[k], work.frames[k], rows, DTYPE, "cpu").numpy()
