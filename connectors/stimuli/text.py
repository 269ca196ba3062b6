"""A file of texts, one a line."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from consilience.connectors.stimuli.registry import register
from consilience.engine.errors import BadInput


@register("text:FILE", "the lines of a UTF-8 file; with tabs, id<TAB>text")
class TextFile:
    """The lines of `file`, without the empty ones. Sample ids are line numbers, from 1.

    If the first line has a tab, every line is ``id<TAB>text``. Raises BadInput for a line that is not, for an id
    that occurs twice, and for bytes that are not UTF-8.
    """

    licence = "not stated"
    citation = "not stated"

    def __init__(self, file: str | Path):
        path = Path(file).expanduser().absolute()
        if not path.is_file():
            raise BadInput("a text file", f"{path}, which is not a file", "check the path")
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
