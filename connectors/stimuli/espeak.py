"""Text spoken by the library of eSpeak NG, the same samples every time.

The library keeps its state (where the voice trembles, which noise comes next) from one text to the next, so that a word
sounds otherwise after another word. It is therefore loaded anew for every text, 15 ms each.
"""

import ctypes
import os
import sys
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from consilience.connectors.files import package_folder, revision

if TYPE_CHECKING:
    import numpy as np

_PACKAGE = "espeakng-loader"
_SUFFIX = {"win32": ("espeak-ng", ".dll"), "darwin": ("libespeak-ng", ".dylib")}
_SYNCHRONOUS, _DONT_EXIT = (
    2,
    1 << 15,
)  # samples are handed over within the call; and errors are told, not died of
_UTF8 = 1
_ONE = Lock()


class Voice:
    """A voice of eSpeak NG (``en``, ``en-us``, ``de``), at 175 words a minute. Raises NotInstalled where its package is
    missing."""

    def __init__(self, name: str = "en", wanted_by: str = "speech"):
        self.name = name
        folder = package_folder("espeakng_loader", _PACKAGE, wanted_by)
        stem, suffix = _SUFFIX.get(sys.platform, ("libespeak-ng", ".so"))
        self._folder, self._library = folder, folder / f"{stem}{suffix}"
        self.says = f"{revision(_PACKAGE)}, voice {name}"

    def speak(self, text: str) -> tuple["np.ndarray", int]:
        """(samples, rate): one channel in float32 within -1..1, of `text`.

        Raises ValueError for a text of which nothing is heard, and RuntimeError where the library cannot speak.
        """
        import numpy as np

        with _ONE:
            pieces, rate = _spoken(self._library, self._folder, self.name, text)
        samples = np.concatenate([np.zeros(0, np.int16), *pieces])
        if not samples.any():
            raise ValueError(f"nothing is heard of {text!r}")
        return samples.astype(np.float32) / 32768, rate


def _spoken(path: Path, data: Path, voice: str, text: str) -> tuple[list["np.ndarray"], int]:
    import numpy as np

    pieces: list[np.ndarray] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def heard(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    _refuse_loaded(path)
    library = ctypes.CDLL(str(path))
    try:
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data), _DONT_EXIT)
        if rate <= 0:
            raise RuntimeError(f"eSpeak NG does not start from {data}")
        library.espeak_SetSynthCallback(heard)
        if library.espeak_SetVoiceByName(voice.encode()):
            raise RuntimeError(f"eSpeak NG has no voice {voice!r}")
        given = text.encode() + b"\0"
        if library.espeak_Synth(given, ctypes.c_size_t(len(given)), 0, 0, 0, _UTF8, None, None):
            raise RuntimeError(f"eSpeak NG could not speak {text!r}")
        library.espeak_Terminate()
    finally:
        _unload(library)
    return pieces, rate


def _refuse_loaded(path: Path) -> None:
    """RuntimeError where something else in this process holds the library, for then it does not begin anew."""
    if os.name == "posix":
        try:
            held = ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD)
        except OSError:
            return
        _unload(held)  # the hold on it that asking has taken
        raise RuntimeError(f"{path.name} is in use in this process, and would not speak alike every time")


def _unload(library: ctypes.CDLL) -> None:
    import _ctypes

    close: Any = getattr(_ctypes, "FreeLibrary" if sys.platform == "win32" else "dlclose")
    close(library._handle)
