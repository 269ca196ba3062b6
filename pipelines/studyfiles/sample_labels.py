"""The labels of a study's samples: a table with the columns sample_id and label."""

from pathlib import Path
from typing import Any

from consilience.engine.errors import BadInput

COLUMNS = ("sample_id", "label")


def read_labels(path: Path) -> dict[str, Any]:
    """Sample id -> label, from a CSV or Parquet file.

    Raises:
        BadInput: for a file that is not there or has other columns, for an id that stands there twice.
    """
    import pandas as pd

    if not path.is_file():
        raise BadInput(
            "a file of labels", f"{path}, which does not exist", "give its path, from the study's folder"
        )
    table = (
        pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"sample_id": str})
    )
    if missing := [c for c in COLUMNS if c not in table]:
        raise BadInput(
            f"the columns {' and '.join(COLUMNS)} in {path.name}", f"{', '.join(map(str, table.columns))}",
            f"add {' and '.join(missing)}",
        )  # fmt: skip
    ids = table["sample_id"].astype(str)
    if ids.duplicated().any():
        raise BadInput(
            f"every sample_id once in {path.name}",
            f"{ids[ids.duplicated()].iloc[0]!r} again",
            "keep one label a sample",
        )
    labels: dict[str, Any] = dict(zip(ids, table["label"].tolist()))
    return labels
