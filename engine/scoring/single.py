"""Metrics of one representation, with their standard errors: those on covariances and on means of rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from consilience.engine.features.representation import Representation
from consilience.engine.inference.jackknife import standard_error
from consilience.engine.inference.subsets import Groups, Subsets
from consilience.engine.metrics.linear import Own
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.blocks import Frame
from consilience.engine.passes.executors import Run, joined
from consilience.engine.passes.moment_state import State, covariances
from consilience.engine.passes.moments import MomentPass, batches, moments
from consilience.engine.passes.rows import means, row_sums
from consilience.engine.passes.workspace import Pool

JACKKNIFE, HALVES, NONE = "jackknife", "balanced half-samples", "none"
# A covariance squares what float32 can tell apart, and so does a distance; there are no pairs to pay for.
DTYPE = np.dtype(np.float64)


@dataclass(frozen=True)
class Profiled:
    """One metric on R representations: scores, standard errors and samples used, each (R,), and whence the errors.

    `notes` is what else there is to say of each representation's score, or empty.
    """

    request: Request
    score: np.ndarray
    se: np.ndarray
    n: np.ndarray
    groups: int
    error: str
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class SingleWork:
    """The representations, and how to compute on them. `run` executes tasks; see `passes.executors.run`.

    `batch` representations are swept together over tiles of `tile_rows`; `budget` bytes hold covariances.
    `labels` (n,) are there where a metric uses them, and `seed` sets samples aside for it.
    """

    representations: tuple[Representation, ...]
    frames: tuple[Frame, ...]
    groups: Groups
    chosen: Subsets
    device: str
    batch: int
    tile_rows: int
    strip_rows: int
    budget: float
    run: Run
    seed: int = 0
    labels: np.ndarray | None = None
    pool: Pool = field(default_factory=Pool, compare=False)


def jackknifed(
    request: Request, values: np.ndarray, n: np.ndarray, chosen: Subsets, notes: Sequence[str] = ()
) -> Profiled:
    """From the scores (S, R) on every subset, and how many samples (R,) those of all rows rest on."""
    leave_out = values[chosen.leave_out]
    error = JACKKNIFE if len(leave_out) else NONE
    se = standard_error(leave_out)
    return Profiled(request, values[chosen.full], se, n, len(leave_out), error, notes)


def from_covariances(requests: Sequence[Request], work: SingleWork) -> list[Profiled]:
    """Metrics of the covariances of the units."""
    count, n = len(work.representations), np.full(len(work.representations), work.groups.n)
    values = np.empty((len(requests), work.chosen.count, count))
    own = [(r, r) for r in range(count)]
    for pairs in batches(work.representations, own, work.groups.count, work.budget):
        sums = MomentPass(
            work.representations, work.frames, work.groups, tuple(pairs), DTYPE, work.device, pool=work.pool
        )
        state = moments(sums, run=work.run, stage="covariances")
        calls = [(requests, state, r, work.chosen.masks, work.frames[r].scale) for r, _ in pairs]
        costs = [float(work.representations[r].d) ** 3 for r, _ in pairs]
        found = work.run(_from_covariance, calls, joined, costs=costs, stage="spectra")
        for (r, _), scores in zip(pairs, found):
            values[:, :, r] = scores
    return [jackknifed(request, values[k], n, work.chosen) for k, request in enumerate(requests)]


def _from_covariance(
    requests: Sequence[Request], state: State, r: int, masks: np.ndarray, scale: float
) -> list[np.ndarray]:
    """(requests, S) of one representation."""
    values = np.empty((len(requests), len(masks)))
    for s, (gram, n) in enumerate(covariances(state, (r, r), masks)):
        own = Own(gram, n, scale)
        with np.errstate(invalid="ignore", divide="ignore"):
            values[:, s] = [q.metric.finish(own, **q.parameters) for q in requests]
    return [values]


def from_means(requests: Sequence[Request], work: SingleWork) -> list[Profiled]:
    """Metrics of the mean and the mean direction of the rows."""
    state = row_sums(work.representations, work.groups, run=work.run)
    found = [
        [means(state, r, work.groups, mask) for r in range(len(work.representations))]
        for mask in work.chosen.masks
    ]
    profiled = []
    for request in requests:
        finish, given = request.metric.finish, request.parameters
        values = np.array([[finish(m, **given) for m in of_subset] for of_subset in found])
        whole = found[work.chosen.full]
        n = np.array([m.directed if request.metric.leaves_out else m.n for m in whole])
        profiled.append(jackknifed(request, values, n, work.chosen))
    return profiled
