"""What nilearn is asked to do with signals: arguments that it would ignore, misread or fail of are refused first."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput, unknown

OF_VALUES = (
    "detrend", "standardize", "standardize_confounds", "low_pass", "high_pass", "t_r", "runs", "clean_args",
)  # fmt: skip
OF_VOLUMES = (
    *OF_VALUES, "smoothing_fwhm", "high_variance_confounds", "dtype", "memory", "memory_level", "verbose",
)  # fmt: skip


def checked(
    signals: Mapping[str, Any], rows: int | None = None, allowed: Collection[str] = OF_VALUES
) -> dict[str, Any]:
    """The arguments for so many `rows`, with ``runs``, if there are any, numbered as they come: nilearn returns the
    rows of one run after the other in the order of their names.

    Raises BadInput for arguments that are not `allowed` (``target_affine`` would resample the images, and the smoothing
    of surfaces is none), for a filter without ``t_r``, which nilearn may take to be 2.5 s, and where the rows of a run
    do not follow each other.
    """
    for name in signals:
        if name not in allowed:
            raise unknown("argument of nilearn's signals here", name, allowed)
    filtered = [name for name in ("low_pass", "high_pass") if signals.get(name) is not None]
    if filtered and not signals.get("t_r"):
        raise BadInput(
            f"`t_r`, the seconds between two rows, with {' and '.join(filtered)}", "none", "add t_r"
        )
    if signals.get("runs") is None:
        return dict(signals)
    runs = [str(run) for run in np.asarray(signals["runs"]).tolist()]
    if rows is not None and len(runs) != rows:
        raise BadInput(
            f"the run of each of {rows} volumes",
            f"{len(runs)} runs",
            "write one line, or give one run, a volume",
        )
    number = {run: k for k, run in enumerate(dict.fromkeys(runs))}
    numbers = np.array([number[run] for run in runs])
    if (np.diff(numbers) < 0).any():
        raise BadInput(
            "runs whose volumes follow each other",
            "volumes of several runs in turn",
            "put the volumes of a run together",
        )
    return {**signals, "runs": numbers}


def cleaned(values: np.ndarray, signals: Mapping[str, Any]) -> np.ndarray:
    """`values` (rows, units) cleaned by nilearn, which by itself does nothing here, as in its maskers. Units that are
    not finite stay as they are.

    Raises BadInput as `checked`.
    """
    from nilearn.signal import clean

    given = checked(signals, len(values))
    finite = np.isfinite(values).all(axis=0)
    if not given or not finite.any():
        return values
    more = {"detrend": False, "standardize": None, **given, **(given.pop("clean_args", None) or {})}
    found = np.array(values, np.result_type(values, np.float32))
    found[:, finite] = clean(found[:, finite], **{k: v for k, v in more.items() if k != "clean_args"})
    return found


def check_confounds(confounds: Any, rows: int) -> None:
    """BadInput for confounds, an array or a table (rows, columns), of another length or that are not finite: the first
    row of a derivative over time, for instance. Those that are named by a file nilearn reads, and checks, itself."""
    if confounds is None or isinstance(confounds, str | Path):
        return
    if len(confounds) != rows:
        raise BadInput(
            f"{rows} rows of confounds, one a volume", str(len(confounds)), "cut both to the same volumes"
        )
    broken = ~np.isfinite(np.asarray(confounds, dtype=float).reshape(rows, -1)).all(axis=0)
    if broken.any():
        names = getattr(confounds, "columns", range(len(broken)))
        raise BadInput(
            "confounds that are finite",
            f"NaN in {', '.join(str(name) for name, wrong in zip(names, broken) if wrong)}",
            "fill the first rows, or leave them out",
        )
