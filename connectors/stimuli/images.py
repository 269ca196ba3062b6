"""A folder of pictures."""

from pathlib import Path
from typing import Any

from consilience.connectors.stimuli.decoding import PICTURES, picture
from consilience.connectors.stimuli.folders import Folder
from consilience.connectors.stimuli.registry import register


@register("images:FOLDER", "the pictures in a folder and its subfolders")
class ImageFolder(Folder):
    """The pictures under a folder."""

    view, kind = "image", "pictures"
    endings = PICTURES

    def read(self, path: Path) -> Any:
        return picture(path)
