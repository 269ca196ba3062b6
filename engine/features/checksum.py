"""The checksum of a part, at the speed of memory, so that writing and verifying are bound by the disk.

Every 64 KiB block of the file is hashed to 64 bits: a multilinear hash, the sum modulo 2^64 of its 32-bit halves of
words, each times its own fixed odd weight (the last block is padded with zeros). The checksum is the sha256 of these
hashes and the file's length. A change within one half-word is found for certain, since odd weights are invertible, any
other but with probability about 2^-32 a block. It guards against accidents, not forgers. sha256 over all bytes would
take more time than everything else in writing together.
"""

import hashlib

import numpy as np

from consilience.engine.features.location import Location, open_file

NAME = "multilinear64-sha256"
_WORDS = 8192
_WEIGHTS = np.frombuffer(hashlib.shake_256(b"consilience").digest(16 * _WORDS), "<u8").reshape(
    2, -1
) | np.uint64(1)
_BLOCKS = 16  # read at a time: fewer, and threads wait for the interpreter longer than they hash


def file_checksum(path: Location) -> str:
    """The checksum (64 hex digits) of the file at `path`, read from front to back."""
    data = np.zeros((_BLOCKS, _WORDS), "<u8")
    upper = np.empty_like(data)
    raw = memoryview(data.reshape(-1)).cast("B")  # type: ignore[arg-type]
    total, size = hashlib.sha256(), 0
    with open_file(path) as file:
        while filled := _fill(file, raw):
            size += filled
            blocks = -(-filled // (8 * _WORDS))
            raw[filled : blocks * 8 * _WORDS] = bytes(blocks * 8 * _WORDS - filled)
            total.update(_hashes(data[:blocks], upper[:blocks]).astype("<u8").tobytes())
    total.update(size.to_bytes(8, "little"))
    return total.hexdigest()


def _hashes(words: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """One 64-bit hash for each row of `words` (blocks, 8192); `upper` is room of the same shape.

    The lower half of a word has weight a, the upper half 2^32 a + b, so that words need no taking apart: without b the
    sign bits of two doubles would cancel, and a table would have the checksum of its negative.
    """
    np.right_shift(words, np.uint64(32), out=upper)
    return np.einsum("ij,j->i", words, _WEIGHTS[0]) + np.einsum("ij,j->i", upper, _WEIGHTS[1])


def _fill(file, buffer: memoryview) -> int:  # type: ignore[no-untyped-def]  # a raw file, which may read short
    filled = 0
    while filled < len(buffer) and (got := file.readinto(buffer[filled:])):
        filled += got
    return filled
