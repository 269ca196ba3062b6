"""The weights in a CTranslate2 ``model.bin``, read as data: names, shapes and numbers, without its library.

The file, little-endian (CTranslate2 4, binary version 6): version, name and revision of the kind of model; how many
variables there are; of each its name, dimensions, type and bytes; then aliases. A name is a length (16 bits), the bytes
and a zero. Source: ``Model::load`` in CTranslate2's ``src/models/model.cc``.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput

_VERSION = 6
_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read(path: Path, kind: str) -> dict[str, np.ndarray]:
    """Name -> array of the model of that `kind` (``WhisperSpec``) in a file. BadInput for another file."""
    raw = memoryview(path.read_bytes())
    at = 0

    def number(form: str) -> Any:
        nonlocal at
        (value,) = struct.unpack_from("<" + form, raw, at)
        at += struct.calcsize(form)
        return value

    def name() -> str:
        nonlocal at
        length = number("H")
        at += length
        return bytes(raw[at - length : at]).rstrip(b"\0").decode()

    try:
        head = number("I"), name(), number("I")
        if head[:2] != (_VERSION, kind):
            raise BadInput(
                f"{kind} in the CTranslate2 format {_VERSION}", f"{head[1]} in {head[0]}", f"see {path}"
            )
        found = {}
        for _ in range(number("I")):
            key, shape = name(), [number("I") for _ in range(number("B"))]
            dtype, size = np.dtype(_TYPES[number("B")]), number("I")
            found[key] = np.frombuffer(raw[at : at + size], dtype).reshape(shape)
            at += size
    except (struct.error, KeyError, ValueError, UnicodeDecodeError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            "a whole CTranslate2 model.bin", f"{path}: {error}", "install its package again"
        ) from error
    return found
