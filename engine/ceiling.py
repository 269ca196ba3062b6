"""The noise ceiling: how well a perfect model could agree with subjects who differ from each other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.spatial.distance import squareform

from consilience.engine.comparison import Comparison
from consilience.engine.errors import BadInput
from consilience.engine.features.rdm import RDM
from consilience.engine.features.representation import Representation
from consilience.engine.features.representations import representations
from consilience.engine.inference.pooling import joined_units, normalised, scale
from consilience.engine.machine import gigabytes
from consilience.engine.metrics.registry import Request
from consilience.engine.passes import executors
from consilience.engine.passes.triangles import matrix_of
from consilience.engine.reading import of_brains
from consilience.engine.subjects import Subjects, subjects_of

ALONE: dict[str, Any] = {"se": False, "null": False, "groups": 1}
GROUP = "all subjects"


def noise_ceiling(
    subjects: Subjects, metric: str | Mapping[str, Any] = "rsa", **options: Any
) -> tuple[float, float]:
    """The noise ceiling of a region, (lower, upper): means over subjects of the scores of a group with each of them.

    The group of the upper bound holds all subjects, the one that it is scored with too: no model can do better on
    average, where the group is the best there is. That of the lower bound is without that subject: a model as good as
    the other subjects together reaches it. Of a distance the upper bound is the smaller one.

    For ``rsa`` the group is the mean RDM, each normalised as it is compared: ranked, standardised, or of one length
    (Nili et al. 2014). For other metrics it is the subjects' units side by side, each subject's of the same total
    variance, which is the mean of their linear kernels; of RDMs their mean, each of the same mean. A directed metric
    reads from the group to the subject. Where the metric does not see invertible linear maps, the group contains the
    subject and the upper bound is 1. By `cka` of ``unbiased_both``, for which a perfect model has about 1 however noisy
    its units, the lower bound is about 1 as well; the upper is above it, for the group holds the subject's own units,
    and bounds nothing that a model may reach.

    Args:
        subjects: a mapping from names to features (n, d), RDMs or feature tables of one layer; a list of these; or a
            stack of RDMs (subjects, n, n). Those with sample ids are joined on them.
        metric: an id or mapping, as for `compare`; of `cka` the estimator is unbiased_both unless it is given.
        options: `budget`, `device`, `seed`, `executor`, `address`, `threads`, `labels` and `preprocess` of `compare`.

    Raises:
        BadInput: before any compute, for input that cannot be compared, and for fewer than two subjects.
    """
    lower, upper = subject_ceilings(subjects, metric, **options)
    return float(lower.mean()), float(upper.mean())


@executors.on_executor
def subject_ceilings(
    subjects: Subjects, metric: str | Mapping[str, Any] = "rsa", **options: Any
) -> tuple[np.ndarray, np.ndarray]:
    """The lower and the upper ceiling of every subject, (subjects,) each; see `noise_ceiling`, their mean."""
    given = subjects_of(subjects)
    (metric,) = of_brains([metric], [r.d for r in given])
    comparison = Comparison(given, None, [metric], **{**options, **ALONE})
    (request,) = comparison.requests
    after = {k: v for k, v in options.items() if k != "preprocess"}
    those = comparison.representations
    if request.metric.name == "rsa":
        compare = request.parameters["compare"]
        entries = normalised(entries_of(comparison, request), compare)
        # Of RDMs the metric takes what it is given, whatever `rdm` says.
        return _of_rdms(
            entries, entries, {"name": "rsa", "rdm": "euclidean", "compare": compare}, those, after, None
        )
    ids = comparison.joined.sample_ids
    if all(r.rdm for r in those):
        entries = _given(comparison)
        means = entries.mean(axis=1, keepdims=True)
        return _of_rdms(entries, entries / means * means.mean(), metric, those, after, ids)
    if any(r.rdm for r in those):
        odd = next(r.name for r in those if r.rdm)
        raise BadInput(
            f"features of all subjects, or RDMs of all, for {request.id!r}", f"an RDM of {odd!r} alone",
            "give the RDMs of the others too, or compare by rsa",
        )  # fmt: skip
    return _of_units([replace(r, sample_ids=ids) for r in those], metric, after)


def _check_memory(comparison: Comparison) -> None:
    need = 8.0 * comparison.joined.n**2 * 3 * len(comparison.representations)
    if need > comparison.budget:
        raise BadInput(
            f"the RDMs of all subjects within the budget of {gigabytes(comparison.budget)}", gigabytes(need),
            f"raise the budget to {gigabytes(need)}, or take fewer samples",
        )  # fmt: skip


def entries_of(comparison: Comparison, request: Request) -> np.ndarray:
    """The RDMs that an ``rsa`` compares, above the diagonal, row by row: (representations, n(n-1)/2), float64.

    Each is up to a factor; samples are in the order of the pass.

    Raises:
        BadInput: where they do not fit the budget.
    """
    _check_memory(comparison)
    setting = comparison.setting()
    if request.repeats:
        setting = comparison.crossed(setting, request)
    work, space = setting.tile_pass(setting.groups), f"rdm-{request.parameters['rdm']}"
    calls = [(work, space, k) for k in range(len(setting.representations))]
    matrices = setting.run(matrix_of, calls, executors.joined, stage="RDMs of the subjects")
    upper = np.triu_indices(comparison.joined.n, 1)
    return np.stack([m[upper].astype(np.float64) for m in matrices])


def _given(comparison: Comparison) -> np.ndarray:
    """The same of subjects that are RDMs, as they were given."""
    _check_memory(comparison)
    every = np.arange(comparison.joined.n)
    upper = np.triu_indices(len(every), 1)
    return np.stack([r.entries(every, every)[upper].astype(np.float64) for r in comparison.representations])


def _of_rdms(
    entries: np.ndarray,
    weighted: np.ndarray,
    metric: str | Mapping[str, Any],
    those: Sequence[Representation],
    options: Mapping[str, Any],
    ids: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the subjects with the means of the others' and of all `weighted` RDMs."""
    count, total = len(weighted), weighted.sum(axis=0)

    def given(name: str, values: np.ndarray) -> Representation:
        return representations({name: RDM(squareform(values, checks=False), ids)})[0]

    subjects = [given(r.name, e) for r, e in zip(those, entries)]
    groups = [given(GROUP, (total - w) / (count - 1)) for w in weighted]
    return _scores(subjects, groups, given(GROUP, total / count), metric, options)


def _of_units(
    subjects: list[Representation], metric: str | Mapping[str, Any], options: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    scales = [scale(r) for r in subjects]

    def group(without: int | None) -> Representation:
        some = [k for k in range(len(subjects)) if k != without]
        return joined_units([subjects[k] for k in some], [scales[k] for k in some], GROUP)

    return _scores(subjects, [group(k) for k in range(len(subjects))], group(None), metric, options)


def _scores(
    subjects: list[Representation],
    others: list[Representation],
    everybody: Representation,
    metric: str | Mapping[str, Any],
    options: Mapping[str, Any],
) -> tuple[np.ndarray, np.ndarray]:
    """Of every subject with the others, and with everybody."""

    def scored(group: Representation, those: list[Representation]) -> np.ndarray:
        found: np.ndarray = (
            Comparison([group], those, [metric], **{**options, **ALONE}).run()["score"].values[0, 0]
        )
        return found

    lower = np.array([scored(group, [subject])[0] for group, subject in zip(others, subjects)])
    return lower, scored(everybody, subjects)
