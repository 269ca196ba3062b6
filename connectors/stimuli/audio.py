"""A folder of sounds."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from consilience.connectors.stimuli.folders import Folder
from consilience.connectors.stimuli.registry import register
from consilience.engine.extraction.interfaces import NotInstalled


@register("audio:FOLDER", "the sounds in a folder and its subfolders (WAV, FLAC, OGG, MP3)")
class AudioFolder(Folder):
    """The sounds under a folder, as (samples, rate): (n,) or (n, channels) in float32 within -1..1."""

    view, kind = "speech", "sounds"
    endings = frozenset({".aif", ".aiff", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav"})

    def __init__(self, folder: str | Path):
        if find_spec("soundfile") is None:
            raise NotInstalled(
                "the package soundfile, which reads sounds", "not installed", "pip install soundfile"
            )
        super().__init__(folder)

    def read(self, path: Path) -> Any:
        import soundfile

        samples, rate = soundfile.read(path, dtype="float32")
        if not len(samples):
            raise ValueError("the sound has no sample")
        return samples, rate
