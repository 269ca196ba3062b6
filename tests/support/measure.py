"""How benchmarks and tests of memory measure: seconds, the rate of matrix products, memory that no file backs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def cpu_seconds(work: Callable[[], object]) -> float:
    """Of all threads: what others do on the machine meanwhile counts little."""
    began = time.process_time()
    work()
    return time.process_time() - began


def matmul_rate() -> float:
    """Operations per second of float32 matrix products of this machine, on all its cores."""
    x = torch.ones(4096, 4096)
    return 2 * 4096**3 / min(seconds(lambda: x @ x) for _ in range(3))


def anonymous() -> int:
    """Bytes of memory that no file backs."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


@contextmanager
def peak() -> Iterator[list[int]]:
    """A list that holds, once the block has ended, how far anonymous memory rose within it."""
    done, before, rise = threading.Event(), anonymous(), [0]

    def watch() -> None:
        while not done.wait(0.002):
            rise[0] = max(rise[0], anonymous() - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield rise
    finally:
        done.set()
        thread.join()
