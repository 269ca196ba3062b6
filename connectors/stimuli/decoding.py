"""What stands in a file, or in the bytes of one, as a stimulus. What is raised here rejects the sample."""

from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.engine.extraction.interfaces import NotInstalled, note

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
SOUNDS = frozenset({".aif", ".aiff", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav"})
TEXTS = frozenset({".caption", ".text", ".txt"})
MOST_PIXELS = 89_478_485  # Pillow's bound; in RGB a quarter of a gigabyte, on each of the threads that read
_TOO_LARGE = f"too large to be decoded ({{}}; at most {MOST_PIXELS:,} pixels): make the picture smaller"
_ANIMATED = ("GIF", "PNG", "WEBP")


def picture(source: Path | bytes) -> "Image":
    """The pixels, the right way up; the first frame of an animation, which is noted.

    Raises ValueError for more than `MOST_PIXELS`, before they are decoded, and OSError where the file is broken or
    ends too early.
    """
    from PIL import Image, ImageOps

    try:
        opened = Image.open(BytesIO(source) if isinstance(source, bytes) else source)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise ValueError(_TOO_LARGE.format(str(bomb).partition(",")[0])) from bomb
    with opened:
        width, height = opened.size
        if width * height > MOST_PIXELS:
            raise ValueError(_TOO_LARGE.format(f"{width} x {height}"))
        if opened.format in _ANIMATED and getattr(opened, "is_animated", False):
            note("animated, shown by the first frame")
        return ImageOps.exif_transpose(opened)  # reads the pixels


def sound(source: Path | bytes, start: float = 0.0, end: float | None = None) -> tuple[Any, int]:
    """(samples, rate) from `start` to `end` in seconds, by default all: (n,) or (n, channels), float32 within -1..1.

    Raises ValueError for a sound without samples, and what soundfile raises for a file that it cannot read.
    """
    import soundfile

    with soundfile.SoundFile(BytesIO(source) if isinstance(source, bytes) else source) as file:
        first = round(start * file.samplerate)
        last = file.frames if end is None else min(file.frames, round(end * file.samplerate))
        if first >= last:
            raise ValueError("the sound has no sample")
        file.seek(first)
        return file.read(last - first, dtype="float32"), file.samplerate


def text(value: str | bytes) -> str:
    """The text, without space around it. Raises ValueError where nothing else is there, or bytes are not UTF-8."""
    found = (value if isinstance(value, str) else value.decode("utf-8-sig")).strip()
    if not found:
        raise ValueError("the text is empty")
    return found


DECODED: dict[str, Callable[[Any], Any]] = {"image": picture, "speech": sound, "text": text}


def view_of(suffix: str) -> str | None:
    """The view of a file with that ending (``.png``), or None."""
    for view, endings in (("image", PICTURES), ("speech", SOUNDS), ("text", TEXTS)):
        if suffix.lower() in endings:
            return view
    return None


def view_of_bytes(head: bytes) -> str | None:
    """Whether bytes begin as a picture or as a sound does."""
    if head[:4] == b"RIFF":
        return {b"WAVE": "speech", b"WEBP": "image"}.get(head[8:12])
    if head.startswith((b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"P5", b"P6")):
        return "image"
    if head.startswith((b"fLaC", b"OggS", b"ID3", b"FORM", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")):
        return "speech"
    return None


def wants(view: str) -> None:
    """Raises NotInstalled where what reads the view is missing."""
    if view == "speech" and find_spec("soundfile") is None:
        raise NotInstalled(
            "the package soundfile, which reads sounds", "not installed", "pip install soundfile"
        )
