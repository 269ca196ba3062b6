"""Features, responses and nuisance as an encoding takes them: on the same rows, without drifts, of like size."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureTable
from consilience.pipelines.brain.prepare import Prepared
from consilience.pipelines.seats import Seat


def features_on_rows(prepared: Prepared, seat: Seat) -> tuple[dict[str, np.ndarray], list[str], int]:
    """The layers (rows, d) of a model, the ids of the rows, and how many stimuli had no features.

    Each layer is reduced to its leading principal components over the stimuli. Where rows are time points the stimuli
    are then brought to them; one without features, which extraction rejected, counts as the mean of the others.
    """
    table, settings = seat.table, prepared.study.encode
    assert table is not None
    assert settings is not None
    on_rows = prepared.recordings.brains.on_rows
    reduced = {layer: leading(_values(table, layer), settings.components) for layer in seat.layers}
    if on_rows is None:
        return reduced, list(table.sample_ids), 0
    order = _stimuli(prepared, seat)
    held = {sample: row for row, sample in enumerate(table.sample_ids)}
    absent = [i for i, sample in enumerate(order) if sample not in held]
    if len(absent) == len(order):
        raise BadInput(
            f"features of {prepared.stimuli} from {seat.name}", f"none of its {len(order)} ids",
            f"give {seat.name} a stimulus set of those ids",
        )  # fmt: skip
    rows = np.array([held.get(sample, 0) for sample in order])
    found: dict[str, np.ndarray] = {}
    ids: list[str] = []
    for layer, values in reduced.items():
        given = values[rows]
        given[absent] = 0.0  # they are centred
        ids, found[layer] = on_rows(given, settings.response)
    return found, ids, len(absent)


def leading(values: np.ndarray, components: int | None) -> np.ndarray:
    """The leading principal components (n, components) of `values` (n, d), or all columns, centred."""
    centred = values - values.mean(axis=0)
    if components is None or components >= min(centred.shape):
        return centred
    from scipy.linalg import svd

    u, s, _ = svd(centred, full_matrices=False)
    return np.asarray(u[:, :components] * s[:components])


def smooth(values: np.ndarray, prepared: Prepared, groups: Sequence[str] | None) -> np.ndarray:
    """`values` (rows, d) without what is slower than the study's `high_pass`, and without their mean, each run by
    itself: runs of a scanner differ in both. As they are where rows are no time points."""
    settings, brains = prepared.study.encode, prepared.recordings.brains
    assert settings is not None
    if brains.on_rows is None or settings.high_pass is None:
        return values
    from nilearn.signal import clean

    found = np.array(values, np.float64)
    runs = np.zeros(len(values)) if groups is None else np.asarray(groups)
    for run in dict.fromkeys(
        runs.tolist()
    ):  # by itself: of all at once nilearn returns the rows run by run, by name
        kept = clean(
            values[runs == run], detrend=False, standardize=None, filter="cosine", high_pass=1 / settings.high_pass,
            t_r=float(brains.notes["tr"]), ensure_finite=False,
        )  # fmt: skip
        found[runs == run] = kept - kept.mean(axis=0)  # which nilearn leaves
    return found


def gap_rows(prepared: Prepared) -> int:
    """Rows between folds that follow each other: those of the study's `gap`, which is in seconds where rows are time
    points, and begun seconds count; else in rows."""
    settings, brains = prepared.study.encode, prepared.recordings.brains
    assert settings is not None
    return ceil(settings.gap if brains.on_rows is None else settings.gap / float(brains.notes["tr"]))


def one_size(values: np.ndarray) -> np.ndarray:
    """Centred, of mean variance 1 over the columns: a space keeps its shape, and a penalty means the same in all."""
    centred = values - values.mean(axis=0)
    size = np.sqrt((centred**2).mean())
    return centred / size if size > 0 else centred


def standard(values: np.ndarray) -> np.ndarray:
    """Centred, every column of variance 1; a constant one stays 0."""
    centred = values - values.mean(axis=0)
    size = centred.std(axis=0)
    return centred / np.where(size > 0, size, 1.0)


def _values(table: FeatureTable, layer: str) -> np.ndarray:
    return np.concatenate(table.parts(layer)).astype(np.float64)


def recorded(table: FeatureTable, layer: str) -> np.ndarray:
    """The rows of one layer, (n, d) of float64."""
    return _values(table, layer)


def measured(prepared: Prepared, subject: str, region: str, groups: Sequence[str] | None) -> np.ndarray:
    """The responses of a region without drifts, every unit of variance 1: (n, d), or where repeats were kept apart
    (n, repeats, d), whose mean is of variance 1."""
    apart = [recorded(t, region) for t in prepared.recordings.repeats(subject).values() if region in t.layers]
    if len(apart) < 2:
        return standard(smooth(recorded(prepared.recordings.subjects[subject], region), prepared, groups))
    stack = np.stack(apart, axis=1)
    flat = smooth(stack.reshape(len(stack), -1), prepared, groups).reshape(stack.shape)
    mean = flat.mean(axis=1)
    size = mean.std(axis=0)
    return (flat - mean.mean(axis=0)) / np.where(size > 0, size, 1.0)


def groups_of(table: FeatureTable) -> list[str] | None:
    """The run or story of every row of a recording, where it says so."""
    found: Any = table.meta.get("groups")
    return None if found is None else [str(x) for x in found]


def _stimuli(prepared: Prepared, seat: Seat) -> list[str]:
    """The ids of the stimuli in the order in which the data set brings them to its rows."""
    from consilience.connectors.stimuli import open_stimuli

    if prepared.recordings.brains.stimulus_ids:
        return list(prepared.recordings.brains.stimulus_ids)
    return list(open_stimuli(prepared.recordings.brains.stimuli).sample_ids())
