"""A folder of pictures."""

from pathlib import Path
from typing import Any

from consilience.connectors.stimuli.folders import Folder
from consilience.connectors.stimuli.registry import register


@register("images:FOLDER", "the pictures in a folder and its subfolders")
class ImageFolder(Folder):
    """The pictures under a folder."""

    view, kind = "image", "pictures"
    endings = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})

    def read(self, path: Path) -> Any:
        from PIL import Image, ImageOps

        with Image.open(path) as image:
            return ImageOps.exif_transpose(image)  # reads the pixels, the right way up
