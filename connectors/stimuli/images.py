"""A folder of pictures."""

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256 as sha
from pathlib import Path
from typing import Any

from consilience.connectors.files import sha256
from consilience.connectors.stimuli.registry import register
from consilience.engine.errors import BadInput

_ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}


@register("images:FOLDER", "the pictures in a folder and its subfolders")
class ImageFolder:
    """The pictures under `folder`. Sample ids are paths within it (``cats/01.png``)."""

    licence = "not stated"
    citation = "not stated"

    def __init__(self, folder: str | Path):
        self.folder = Path(folder).expanduser().absolute()
        if not self.folder.is_dir():
            raise BadInput("a folder of pictures", f"{self.folder}, which is not a folder", "check the path")
        self.name = self.folder.name
        found = (
            path for path in self.folder.rglob("*") if path.suffix.lower() in _ENDINGS and path.is_file()
        )
        self._ids = sorted(path.relative_to(self.folder).as_posix() for path in found)
        if not self._ids:
            endings = ", ".join(sorted(_ENDINGS))
            raise BadInput(f"pictures ({endings})", f"{self.folder}, which has none", "check the path")

    @cached_property
    def fingerprint(self) -> str:
        """Over names and contents: a picture that was changed in place is another stimulus."""
        names = sha("\n".join(self._ids).encode()).hexdigest()
        return sha(f"{names} {sha256(self.folder / i for i in self._ids)}".encode()).hexdigest()

    def views(self) -> Sequence[str]:
        return ("image",)

    def sample_ids(self) -> Sequence[str]:
        return self._ids

    def get(self, view: str, index: int) -> Any:
        from PIL import Image, ImageOps

        with Image.open(self.folder / self._ids[index]) as image:
            return ImageOps.exif_transpose(image)  # reads the pixels, the right way up
