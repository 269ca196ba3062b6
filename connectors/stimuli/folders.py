"""What folders of files have in common, whatever is in the files."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256 as sha
from pathlib import Path
from typing import Any, ClassVar

from consilience.connectors.files import sha256
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
        found = (
            path for path in self.folder.rglob("*") if path.suffix.lower() in self.endings and path.is_file()
        )
        self._ids = sorted(path.relative_to(self.folder).as_posix() for path in found)
        if not self._ids:
            endings = ", ".join(sorted(self.endings))
            raise BadInput(f"{self.kind} ({endings})", f"{self.folder}, which has none", "check the path")

    @cached_property
    def fingerprint(self) -> str:
        """Over names and contents: a file that was changed in place is another stimulus."""
        names = sha("\n".join(self._ids).encode()).hexdigest()
        return sha(f"{names} {sha256(self.folder / i for i in self._ids)}".encode()).hexdigest()

    def views(self) -> Sequence[str]:
        return (self.view,)

    def sample_ids(self) -> Sequence[str]:
        return self._ids

    def get(self, view: str, index: int) -> Any:
        return self.read(self.folder / self._ids[index])

    @abstractmethod
    def read(self, path: Path) -> Any:
        """The stimulus in that file. What it raises rejects the sample."""
