"""What this machine can do, measured in about a second: matrix products and memory reads per second."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from consilience.engine.errors import BadInput


@dataclass(frozen=True)
class Speed:
    """Floating-point operations per second of matrix products, and bytes per second read; all threads together.

    `together` of the `threads` share the memory of a process (0: all of them).
    """

    float32: float
    float64: float
    read: float
    threads: int
    together: int = 0

    @property
    def sharing(self) -> int:
        return self.together or self.threads


def cores() -> int:
    """Cores that this process may use; a container or `taskset` may allow fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_device(device: str) -> str:
    """The device, once torch can compute on it.

    Raises:
        BadInput: for a device that torch does not know or does not have.
    """
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch says either, by what is missing
        reason = str(error).splitlines()[0]
        raise BadInput(
            "a device that torch can use", f"{device!r}: {reason}", "use device='cpu', or mend it"
        ) from error
    return device


def nominal(device: str = "cpu", workers: int = 0, together: int = 0) -> Speed:
    """Some machine with so many workers (0: as many as this one): for choices that do not rest on its speed."""
    threads = workers or (cores() if device == "cpu" else 1)
    return Speed(1e11 * threads, 5e10 * threads, 1e10, threads, together)


@cache
def speed(device: str = "cpu") -> Speed:
    """Measure once in a process."""
    import torch

    threads = cores() if device == "cpu" else 1
    rates = []
    for dtype in (torch.float32, torch.float64):
        x = torch.ones(1024, 1024, dtype=dtype, device=device)

        def multiply(x: "torch.Tensor" = x) -> None:
            x @ x
            if device != "cpu":
                torch.cuda.synchronize()

        rates.append(2 * 1024**3 / shortest(multiply, 0.3))
    block = np.ones(2**24, np.float32)
    return Speed(rates[0], rates[1], block.nbytes / shortest(block.sum, 0.1), threads)


def shortest(call: Callable[[], object], seconds: float) -> float:
    """The shortest time of one call, over `seconds` of calls."""
    call()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def read_bytes(text: str | int | float) -> float:
    """A number of bytes from text such as ``8GB``, ``500 MiB`` or ``1e9``."""
    if isinstance(text, int | float):
        return float(text)
    units = {"B": 1.0} | {f"{x}B": 1e3 ** (i + 1) for i, x in enumerate("KMGT")}
    units |= {f"{x}IB": 1024.0 ** (i + 1) for i, x in enumerate("KMGT")}
    plain = text.strip().upper()
    unit = next((u for u in sorted(units, key=len, reverse=True) if plain.endswith(u)), "")
    try:
        return float(plain.removesuffix(unit)) * units.get(unit, 1)
    except ValueError:
        raise BadInput(
            "a memory size such as '8GB' or '500MiB'", repr(text), "write a number and a unit"
        ) from None


def gigabytes(value: float) -> str:
    """Bytes in words: GB, MB or kB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value / 1e3:.1f} kB"
