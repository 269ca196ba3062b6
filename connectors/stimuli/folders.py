"""What folders of files have in common, whatever is in the files."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import sha256 as sha
from pathlib import Path
from typing import Any, ClassVar

from consilience.connectors.files import sha256
from consilience.connectors.stimuli.strings import Strings
from consilience.engine.errors import BadInput


class Folder(ABC):
    """The files of one kind under `folder`. Sample ids are paths within it (``cats/01.png``)."""

    view: ClassVar[str]
    kind: ClassVar[str]
    endings: ClassVar[frozenset[str]]
    licence = "not stated"
    citation = "not stated"

    def __init__(self, folder: str | Path):
        self.folder = Path(folder).expanduser().absolute()
        if not self.folder.is_dir():
            raise BadInput(
                f"a folder of {self.kind}", f"{self.folder}, which is not a folder", "check the path"
            )
        self.name = self.folder.name
        try:
            self._ids = Strings(self._listed()).sorted()
        except UnicodeEncodeError as error:
            raise BadInput(
                f"file names in UTF-8 in {self.folder}", repr(error.object), "rename it"
            ) from error
        if not self._ids:
            endings = ", ".join(sorted(self.endings))
            raise BadInput(f"{self.kind} ({endings})", f"{self.folder}, which has none", "check the path")

    @cached_property
    def fingerprint(self) -> str:
        """Over names and contents: a file that was changed in place is another stimulus."""
        names = sha()
        for k, name in enumerate(self._ids):
            names.update(f"\n{name}".encode() if k else name.encode())
        contents = sha256(self.folder / i for i in self._ids)
        return sha(f"{names.hexdigest()} {contents}".encode()).hexdigest()

    def _listed(self, within: str = "") -> Iterator[str]:
        """Paths within the folder, in no order. Nothing is held of them: there may be millions in one folder."""
        with os.scandir(self.folder / within) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from self._listed(f"{within}{entry.name}/")
                elif os.path.splitext(entry.name)[1].lower() in self.endings and entry.is_file():
                    yield within + entry.name

    def views(self) -> Sequence[str]:
        return (self.view,)

    def sample_ids(self) -> Sequence[str]:
        return self._ids

    def get(self, view: str, index: int) -> Any:
        return self.read(self.folder / self._ids[index])

    @abstractmethod
    def read(self, path: Path) -> Any:
        """The stimulus in that file. What it raises rejects the sample."""
