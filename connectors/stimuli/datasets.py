"""A folder of Hugging Face ``datasets``, read without that package."""

import json
from pathlib import Path
from typing import Any

from consilience.connectors.stimuli.columns import Columns
from consilience.connectors.stimuli.fragments import divided
from consilience.connectors.stimuli.registry import register
from consilience.connectors.stimuli.rows import ArrowRows, ParquetRows, Rows, parts_of
from consilience.engine.errors import BadInput, unknown


@register(
    "datasets:FOLDER",
    "a Hugging Face dataset of save_to_disk (FOLDER/SPLIT), or its Parquet files: #COLUMN, or #image,caption",
)
class DatasetsFolder(Columns):
    """What ``save_to_disk`` wrote, or the Parquet files under a folder, in the order of their names; see `Columns`.

    Of a dataset with several splits one is named: ``datasets:FOLDER/validation``.
    """

    def __init__(self, argument: str | Path):
        place, part = divided(argument)
        folder = Path(place).expanduser().absolute()
        stem = f"{folder.parent.name}-{folder.name}" if _splits(folder.parent) else folder.name
        super().__init__(stem, _rows(folder), part, folder)


def _rows(folder: Path) -> Rows:
    if splits := _splits(folder):
        if len(splits) > 1:
            raise BadInput(
                "one split of a dataset",
                f"{folder}, with {', '.join(splits)}",
                f"name one: {folder}/{splits[0]}",
            )
        folder = folder / splits[0]
    if not folder.is_dir():
        if others := _splits(folder.parent):
            raise unknown(f"split of {folder.parent.name}", folder.name, others)
        raise BadInput("a folder of a dataset", f"{folder}, which is not a folder", "check the path")
    if (folder / "state.json").is_file():
        state = _json(folder / "state.json")
        if state.get("_indices_files") or state.get("_indices_data_files"):
            raise BadInput(
                "a dataset whose rows are written in their order", f"{folder}, with a file of indices",
                "write it with .flatten_indices().save_to_disk(...)",
            )  # fmt: skip
        return ArrowRows([folder / x["filename"] for x in state["_data_files"]])
    if parts := list(parts_of(folder)):
        return ParquetRows(parts)
    raise BadInput(
        "what save_to_disk writes (state.json), or Parquet files", f"{folder}, with neither", "check the path"
    )


def _splits(folder: Path) -> list[str]:
    """The splits of a dataset that has some."""
    path = folder / "dataset_dict.json"
    return list(_json(path)["splits"]) if path.is_file() else []


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput("a dataset's JSON", f"{path}: {error}", "write or fetch the dataset again") from error
    assert isinstance(found, dict)
    return found
