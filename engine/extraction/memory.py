"""One setting of the C library that lets a CPU model reuse its activations' memory."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed blocks of any size for reuse; True if it agreed.

    By default every tensor above 32 MB is mapped and unmapped anew, and the kernel zeroes its pages each time: a
    convolutional model then runs at half its speed, at batch sizes where activations pass that size.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt and mallopt(_M_MMAP_THRESHOLD, 1 << 30) and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
