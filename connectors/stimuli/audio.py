"""A folder of sounds."""

from pathlib import Path
from typing import Any

from consilience.connectors.stimuli.decoding import SOUNDS, sound, wants
from consilience.connectors.stimuli.folders import Folder
from consilience.connectors.stimuli.registry import register


@register("audio:FOLDER", "the sounds in a folder and its subfolders (WAV, FLAC, OGG, MP3)")
class AudioFolder(Folder):
    """The sounds under a folder, as (samples, rate): (n,) or (n, channels) in float32 within -1..1."""

    view, kind = "speech", "sounds"
    endings = SOUNDS

    def __init__(self, folder: str | Path):
        wants("speech")
        super().__init__(folder)

    def read(self, path: Path) -> Any:
        return sound(path)
