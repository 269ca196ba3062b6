"""From a scan to one response a trial: a first-level GLM by nilearn."""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from consilience.connectors.brains.interfaces import Region
from consilience.connectors.brains.signals import check_confounds
from consilience.engine.errors import BadInput, unknown

if TYPE_CHECKING:
    import pandas as pd

WAYS = ("lsa", "lss")
_MORE = ("", " + derivative", " + derivative + dispersion")
RESPONSES = tuple(f"{kind}{more}" for kind in ("spm", "glover") for more in _MORE)
_LEAST = 1.0  # seconds of a response that have to lie within the scan: before that there is none to see
DRIFTS = ("cosine", "polynomial")
NOISES = ("ols", "ar1", "ar2", "ar3", "ar4", "ar5")


def trial_betas(
    region: Region,
    events: "pd.DataFrame",
    tr: float,
    *,
    how: str = "lsa",
    hrf: str = "spm",
    confounds: "pd.DataFrame | None" = None,
    drift: str | None = "cosine",
    high_pass: float = 0.01,
    noise: str = "ols",
    first: float = 0.0,
) -> Region:
    """The response (trials, units) to every event, in their order, from the signals (volumes, units) of one run.

    Args:
        region: What a mask gave, neither standardised nor filtered.
        events: Within the scan, as `within_scan` gives them.
        how: ``"lsa"`` (least squares all): one model with a regressor for every trial. ``"lss"`` (least squares
            separate, Mumford et al. 2012; Turner et al. 2012): a model for every trial, with a regressor for it and one
            for the other trials of each type; steadier where trials follow each other closely.
        hrf: The haemodynamic response, by its name in nilearn; of several functions the first is told.
        confounds: One row a volume.
        drift, high_pass: The drift model of nilearn, or None, and its cut-off in Hz.
        first: The time, in seconds, that the first volume stands for: where its slices were brought to.
        noise: ``"ols"``, or ``"ar1"`` for an autoregressive model of order one.

    Units that are not finite stay NaN, and of a constant one every trial is 0. Raises BadInput for confounds of another
    length or that are NaN, for names that are not known, and for trials that the volumes cannot tell apart: too many,
    two at the same time, or a `high_pass` so high that drifts explain everything.
    """
    for what, given, known in (
        ("way to estimate trials", how, WAYS), ("haemodynamic response", hrf, RESPONSES),
        ("drift model", drift, (None, *DRIFTS)), ("noise model", noise, NOISES),
    ):  # fmt: skip
        if given not in known:
            raise unknown(what, str(given), [x for x in known if x is not None])
    n = len(region.values)
    check_confounds(confounds, n)
    regressors = len(events) + (0 if confounds is None else len(confounds.columns))
    if how == "lsa" and regressors >= n:
        raise BadInput(
            f"fewer trials and confounds than the {n} volumes",
            str(regressors),
            'pass how="lss", or fewer confounds',
        )
    times = first + tr * np.arange(n)
    late = int(too_late(events, n, tr, first).sum())
    if late:
        raise BadInput(
            f"trials that begin {_LEAST:g} s or more before the last volume, at {times[-1]:g} s", f"{late} that do not",
            'nothing of their response was recorded: leave them out of the events, or read these with outside="drop"',
        )  # fmt: skip

    def design(types: list[str]) -> "pd.DataFrame":
        from nilearn.glm.first_level import make_first_level_design_matrix

        names = None if confounds is None else [f"confound.{c}" for c in confounds.columns]
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", ".*null duration"
            )  # they are impulses, and all of them: see `complete`
            for refused_below in ("High-pass filter will span", "Matrix is singular"):
                warnings.filterwarnings("ignore", refused_below)
            return make_first_level_design_matrix(
                times, events.assign(trial_type=types), hrf_model=hrf, drift_model=drift, high_pass=high_pass,
                add_regs=None if confounds is None else confounds.to_numpy(float), add_reg_names=names,
            )  # fmt: skip

    finite = np.isfinite(region.values).all(axis=0)
    constant = region.values.min(axis=0) == region.values.max(axis=0)
    betas = np.full((len(events), len(finite)), np.nan)
    signals = region.values[:, finite]
    trials = [f"trial{i:05d}" for i in range(len(events))]
    if how == "lsa":
        betas[:, finite] = _fit(signals, design(trials), trials, noise)
    else:
        types = [f"other.{x}" for x in events["trial_type"]]
        for i, trial in enumerate(trials):
            one = design([*types[:i], trial, *types[i + 1 :]])
            betas[i, finite] = _fit(signals, one, [trial], noise)[0]
    betas[:, constant] = 0.0  # and not rounding noise, so that it is found and counted
    return replace(region, values=betas)


def too_late(events: "pd.DataFrame", volumes: int, tr: float, first: float = 0.0) -> np.ndarray:
    """Which events begin so late that nothing of their response is in the scan, though they are."""
    return events["onset"].to_numpy(float) > first + (volumes - 1) * tr - _LEAST


def _fit(signals: np.ndarray, design: "pd.DataFrame", wanted: list[str], noise: str) -> np.ndarray:
    """The coefficients (wanted, units)."""
    from nilearn.glm.first_level import run_glm

    _check_design(design, wanted)
    labels, results = run_glm(signals.astype(np.float64), design.to_numpy(), noise_model=noise)
    rows = [design.columns.get_loc(name) for name in wanted]
    betas = np.empty((len(rows), signals.shape[1]))
    for label, result in results.items():
        betas[:, labels == label] = result.theta[rows]
    return betas


def _check_design(design: "pd.DataFrame", wanted: list[str]) -> None:
    """BadInput where the data do not say what a trial is: nilearn would share a response out among several, or fit
    noise."""
    n, columns = design.shape
    if columns >= n:
        raise BadInput(
            f"fewer regressors than the {n} volumes", f"{columns}, with those of drifts and confounds",
            'pass a lower high_pass (in Hz, such as 0.01), how="lss", or fewer confounds',
        )  # fmt: skip
    values = design / np.sqrt((design**2).sum()).replace(0, 1)
    others = values.drop(columns=wanted)
    apart = np.linalg.matrix_rank(values.to_numpy()) - np.linalg.matrix_rank(others.to_numpy())
    if apart < len(wanted):
        raise BadInput(
            "trials whose responses can be told apart", f"{len(wanted)} of which {apart} can",
            "keep one of events at the same time, or name the others as `rest`",
        )  # fmt: skip
