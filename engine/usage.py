"""What the stages of a run took: seconds, CPU seconds and memory, of this process and of those it started here.

Processes on other machines are not seen. Memory is what no file and no other process shares: mapped features and Ray's
object store do not count.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

_EVERY = 0.5  # seconds between looks; longer as the run does
_LOOKS = 400  # that are kept at most


class Stages:
    """Measures named stages, within its own ``with``; a stage that comes twice is added up.

    `seconds`, `cpu_seconds` and `memory` (peak, bytes) are by stage; `series` holds (seconds since 1970, bytes, CPU
    seconds since the start) over the whole run.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}
        self.memory: dict[str, int] = {}
        self.series: list[tuple[float, int, float]] = []
        self._cpu: dict[tuple[int, float], float] = {}  # of every process, also of those that are gone
        self._current: str | None = None
        self._every, self._done, self._lock = _EVERY, threading.Event(), threading.Lock()

    def __enter__(self) -> Self:
        self._look()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """One stage."""
        began, cpu, self._current = time.perf_counter(), self._look(), name
        try:
            yield
        finally:
            used = self._look() - cpu
            self._current = None
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
            self.cpu_seconds[name] = self.cpu_seconds.get(name, 0.0) + used

    def _watch(self) -> None:
        while not self._done.wait(self._every):
            self._look()
            if len(self.series) > _LOOKS:
                self.series, self._every = self.series[::2], 2 * self._every

    def _look(self) -> float:
        """CPU seconds so far."""
        import psutil

        with self._lock:
            memory, me = 0, psutil.Process()
            for process in (me, *me.children(recursive=True)):
                try:
                    with process.oneshot():
                        info, cpu = process.memory_info(), process.cpu_times()
                        key = process.pid, process.create_time()
                except psutil.Error:  # gone, or no longer ours to look at
                    continue
                memory += info.rss - getattr(info, "shared", 0)
                self._cpu[key] = cpu.user + cpu.system
            total = sum(self._cpu.values())
            if self._current is not None:
                self.memory[self._current] = max(self.memory.get(self._current, 0), memory)
            self.series.append((time.time(), memory, total))
            return total
