"""Products of matrices by the library that is quick at them here, and one thread for whoever brings their own.

NumPy takes half the work for X'X, and its decompositions run in several threads at once, where torch's wait for each
other: on a CPU, metrics call NumPy and the passes whichever multiplies faster. On another device it is torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
import torch

from consilience.engine.machine import shortest

SLOWER = 1.25  # so much slower NumPy's BLAS is only where it was told to be (OPENBLAS_CORETYPE)
_LOCK = Lock()


def product(x: torch.Tensor, y: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """X Y, in `out` if given."""
    if x.device.type != "cpu" or not numpy_multiplies():
        return torch.mm(x, y, out=out)
    if out is None:
        return torch.from_numpy(x.numpy() @ y.numpy())
    np.matmul(x.numpy(), y.numpy(), out=out.numpy())
    return out


def inner_products(x: torch.Tensor, y: torch.Tensor, positive: int | None, out: torch.Tensor) -> torch.Tensor:
    """X Y' in `out`, with the units beyond the `positive` ones subtracted (None: there are none)."""
    if positive is None:
        return product(x, y.T, out=out)
    product(x[:, :positive], y[:, :positive].T, out=out)
    return out.sub_(product(x[:, positive:], y[:, positive:].T))


def low_product(
    x: torch.Tensor, y: torch.Tensor, out: torch.Tensor, sums: torch.Tensor | None = None
) -> None:
    """X Y of matrices in few digits, in float32 `out`.

    Of bfloat16 the sums are made in float32; a CPU rounds each to bfloat16 once. Of 8-bit integers, on a CPU, they are
    exact, in `sums` of 32 bits if given: memory that is used again saves a fifth of the time.
    """
    if x.dtype == torch.int8:
        out.copy_(torch._int_mm(x, y) if sums is None else torch._int_mm(x, y, out=sums))
    elif x.device.type == "cpu":
        out.copy_(torch.mm(x, y))
    else:
        out.copy_(torch.mm(x, y, out_dtype=torch.float32))


@cache
def low_gain(device: str = "cpu") -> float:
    """How many times faster than float32 this machine multiplies bfloat16 matrices; tried once in a process."""
    x = torch.ones(1024, 1024, device=device)
    low = x.bfloat16()

    def finished(y: torch.Tensor) -> None:
        y[0, 0].item()  # waits for the device

    plain = shortest(lambda: finished(x @ x), 0.05)
    return plain / shortest(lambda: finished(low @ low), 0.05)


@cache
def digits_gain(device: str = "cpu") -> float:
    """As `low_gain` of 8-bit integers, or of bfloat16 on a GPU; 0 where the processor does not sum them up exactly."""
    if device != "cpu":
        return low_gain(device)
    x, low = torch.ones(1024, 1024), torch.full((1024, 1024), 127, dtype=torch.int8)
    if int(torch._int_mm(low, low)[0, 0]) != 1024 * 127**2:
        return 0.0
    return shortest(lambda: x @ x, 0.05) / shortest(lambda: torch._int_mm(low, low), 0.05)


@contextmanager
def one_thread() -> Iterator[None]:
    """NumPy and, on this thread, torch compute with one thread each: for tasks that are the threads themselves."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _pools().limit(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def numpy_multiplies() -> bool:
    """Whether NumPy's products are no slower than torch's. Both are tried, once in a process, while others wait."""
    with _LOCK:
        return _tried()


@cache
def _tried() -> bool:
    x = torch.ones(384, 384)
    array = x.numpy()
    numpy_seconds, torch_seconds = [], []
    with one_thread():
        for _ in range(4):  # by turns, for others are at work beside
            numpy_seconds.append(shortest(lambda: array @ array, 0.005))
            torch_seconds.append(shortest(lambda: torch.mm(x, x), 0.005))
    return min(numpy_seconds) < SLOWER * min(torch_seconds)


@cache
def _pools() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
