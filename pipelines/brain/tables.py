"""The tables of a brain study on disk: NetCDF, which holds everything, and tidy Parquet, a row a score."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

PER_SUBJECT = {
    "alignment": ("score", "se"),
    "encoding": ("r", "r2", "unique_r2", "p", "layer", "normalised_subject"),
    "units": ("r", "r2", "unique_r2", "normalised"),
    "reliability": ("accuracy", "accuracy_p", "units", "rdm", "rdm_pairs", "rdm_p", "rdm_lower", "rdm_upper"),
}


def save_all(results: "Mapping[str, xr.Dataset]", output: Path) -> list[str]:
    """Write every table as ``<name>.nc`` and ``<name>.parquet``; the names of the files. One that a study no longer
    asks for is removed."""
    from consilience.engine.scores import save

    written = []
    for name in PER_SUBJECT:
        files = [output / f"{name}{ending}" for ending in (".nc", ".parquet")]
        if name not in results:
            for file in files:
                file.unlink(missing_ok=True)
            continue
        save(results[name], files[0])
        tidy(results[name], name).to_parquet(files[1], index=False)
        written += [file.name for file in files]
    return written


def open_all(output: Path) -> "dict[str, xr.Dataset]":
    """The tables of a run, by name; none where `output` holds no run of a brain study."""
    from consilience.engine.scores import open_scores

    files = {name: output / f"{name}.nc" for name in PER_SUBJECT}
    return {name: open_scores(file) for name, file in files.items() if file.is_file()}


def tidy(table: "xr.Dataset", name: str) -> "pd.DataFrame":
    """One row a layer (or space), region and subject, and metric: the scores of each subject; of ``units`` one row a
    space and unit."""
    frame = table[list(PER_SUBJECT[name])].to_dataframe().reset_index()
    return frame.dropna(subset=[x for x in PER_SUBJECT[name] if x != "layer"], how="all")
