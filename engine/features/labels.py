"""Labels of the samples: which class each belongs to, matched to the joined rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.join import Joined


def labels_of(labels: Any, joined: Joined) -> np.ndarray:
    """The label (n,) of every joined sample, as they were given.

    Args:
        labels: a mapping, or a pandas Series, from sample id to label; or one label a row, for features without ids.

    Raises:
        BadInput: if a sample has no label, or none can be matched.
    """
    if hasattr(labels, "to_dict") and hasattr(labels, "index"):
        labels = labels.to_dict()
    if isinstance(labels, Mapping):
        return _by_id(labels, joined)
    if joined.sample_ids is not None:
        raise BadInput(
            "labels by sample id, because the features have ids", f"a {type(labels).__name__}",
            "give a mapping from sample id to label, so that no row can get another's",
        )  # fmt: skip
    values = np.asarray(labels)
    if values.shape != (joined.n,):
        raise BadInput(
            f"one label for each of {joined.n} samples",
            f"shape {values.shape}",
            "give one label a row, in their order",
        )
    if _missing(values).any():
        raise BadInput(
            "a label for every sample",
            f"none for {int(_missing(values).sum())}",
            "leave those samples out, or name them",
        )
    kinds = sorted({type(v).__name__ for v in values}) if values.dtype == object else []
    if len(kinds) > 1:
        raise BadInput("labels of one type", " and ".join(kinds), "convert all of them with str()")
    return values


def _by_id(labels: Mapping[Any, Any], joined: Joined) -> np.ndarray:
    if joined.sample_ids is None:
        raise BadInput(
            "labels in the order of the rows, because the features have no ids", "labels by sample id",
            "give a list of labels, or write the features into a store under their ids",
        )  # fmt: skip
    known = {str(key): value for key, value in labels.items()}
    absent = [str(s) for s in joined.sample_ids if str(s) not in known]
    if absent:
        raise BadInput(
            f"a label for each of {joined.n} samples", f"none for {len(absent)} of them ({absent[0]!r}, …)",
            "add them, or leave those samples out",
        )  # fmt: skip
    return labels_of([known[str(s)] for s in joined.sample_ids], Joined([], joined.n))


def _missing(values: np.ndarray) -> np.ndarray:
    return np.isnan(values) if values.dtype.kind == "f" else np.array([v is None for v in values])
