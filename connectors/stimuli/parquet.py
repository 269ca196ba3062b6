"""A Parquet or Arrow file with stimuli in its columns."""

from pathlib import Path

from consilience.connectors.stimuli.columns import Columns
from consilience.connectors.stimuli.fragments import divided
from consilience.connectors.stimuli.registry import register
from consilience.connectors.stimuli.rows import ArrowRows, ParquetRows
from consilience.engine.errors import BadInput

_ROWS: dict[str, type[ParquetRows] | type[ArrowRows]] = {
    ".parquet": ParquetRows,
    ".pq": ParquetRows,
    ".arrow": ArrowRows,
    ".feather": ArrowRows,
}


@register(
    "parquet:FILE",
    "pictures, sounds or texts in columns of a Parquet or Arrow file: #COLUMN, or one a view (#image,caption)",
)
class ParquetFile(Columns):
    """The rows of a ``.parquet`` file, by row group, or of an ``.arrow`` (IPC) one, by batch; see `Columns`."""

    def __init__(self, argument: str | Path):
        place, part = divided(argument)
        path = Path(place).expanduser().absolute()
        if not path.is_file() or path.suffix.lower() not in _ROWS:
            wrong = "which is not a file" if not path.is_file() else f"which ends in {path.suffix!r}"
            raise BadInput(
                f"a file ({', '.join(_ROWS)})",
                f"{path}, {wrong}",
                "name the file; for a folder of them take datasets:FOLDER",
            )
        super().__init__(path.stem, _ROWS[path.suffix.lower()]([path]), part, path.parent)
