"""A file of texts: one a line, or one a row in a column."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from consilience.connectors.stimuli.fragments import divided
from consilience.connectors.stimuli.registry import register
from consilience.connectors.stimuli.tables import TABLES, TextColumn
from consilience.engine.errors import BadInput


@register(
    "text:FILE", "the lines of a UTF-8 file; with tabs, id<TAB>text; of a CSV, TSV or JSONL a column: #COLUMN"
)
def text_file(argument: str | Path) -> "TextFile | TextColumn":
    """The lines, or a column: of a CSV or JSONL always, of a TSV where one is named.

    Raises BadInput as the two do, and for a column of what is no table.
    """
    place, column = divided(argument)
    path = Path(place).expanduser().absolute()
    if not path.is_file():
        raise BadInput("a text file", f"{path}, which is not a file", "check the path")
    ending = path.suffix.lower()
    if column and ending not in TABLES:
        raise BadInput(
            f"a table ({', '.join(sorted(TABLES))}) where a column is named", path.name,
            f"rename the file, or leave out #{column}",
        )  # fmt: skip
    return TextColumn(path, column) if column or ending in TABLES - {".tsv"} else TextFile(path)


class TextFile:
    """The lines of `path`, without the empty ones. Sample ids are line numbers, from 1.

    If the first line has a tab, every line is ``id<TAB>text``. Raises BadInput for a line that is not, for an id
    that occurs twice, and for bytes that are not UTF-8.
    """

    licence = "not stated"
    citation = "not stated"

    def __init__(self, path: Path):
        self.name = path.stem
        self._texts = _read(path)
        whole = "\n".join(f"{key}\t{text}" for key, text in self._texts.items())
        self.fingerprint = sha256(whole.encode()).hexdigest()
        self._ids = list(self._texts)

    def views(self) -> Sequence[str]:
        return ("text",)

    def sample_ids(self) -> Sequence[str]:
        return self._ids

    def get(self, view: str, index: int) -> Any:
        return self._texts[self._ids[index]]


def _read(path: Path) -> dict[str, str]:
    try:
        # Not splitlines(), which also cuts at characters that a text may hold.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise BadInput(
            "a file in UTF-8", f"{path}: {error}", f"convert it: iconv -f latin1 -t utf-8 {path.name}"
        ) from error
    numbered = [(number, line.rstrip("\r")) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise BadInput("a text on at least one line", f"{path}, which has none", "check the path")
    if "\t" not in numbered[0][1]:
        return {str(number): line for number, line in numbered}
    texts: dict[str, str] = {}
    for number, line in numbered:
        key, tab, text = line.partition("\t")
        if not tab or not key or key in texts:
            wrong = "an id that occurred before" if key in texts else "no id and tab"
            raise BadInput(
                "id<TAB>text on every line, as on the first, each id once",
                f"{wrong} in line {number} of {path}",
                "correct the line, or remove the tab from the first one if these are plain texts",
            )
        texts[key] = text
    return texts
