"""Files that would run code if they were read as pickles: it leaves a mark."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np


class Malice:
    """An object that writes `mark` when it is unpickled."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def npy(mark: Path) -> bytes:
    """A ``.npy`` file of an object array."""
    sink = io.BytesIO()
    np.save(sink, np.array([Malice(mark)] * 4, dtype=object), allow_pickle=True)
    return sink.getvalue()


def npz(mark: Path, **arrays: Any) -> bytes:
    """An ``.npz`` file of `arrays`, and of an object array ``x``."""
    sink = io.BytesIO()
    np.savez(sink, **arrays)
    with zipfile.ZipFile(sink, "a") as archive:
        archive.writestr("x.npy", npy(mark))
    return sink.getvalue()


def bare(mark: Path) -> bytes:
    """A pickle, under whatever name."""
    return pickle.dumps(Malice(mark))


def works(data: bytes, mark: Path) -> bool:
    """Whether the file does harm where pickles are read, so that a test of its refusal means something."""
    np.load(io.BytesIO(data), allow_pickle=True) if data[:1] == b"\x93" else pickle.loads(data)
    done = mark.exists()
    mark.unlink()
    return done
