"""The replicas as processes of this machine, which need no cluster: the first shards are handed out after a second."""

import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any

import cloudpickle
import psutil

from consilience.engine.extraction.line import Line
from consilience.engine.extraction.placement import Node
from consilience.engine.extraction.queue import Run, Task
from consilience.engine.extraction.replica import Replica
from consilience.engine.extraction.scheduler import Loaded, Lost, Outcome
from consilience.engine.extraction.unloadable import unloadable, unsendable
from consilience.engine.extraction.work import Member, Work
from consilience.engine.machine import cores

Connection = connection.Connection

_DIES_WITH_PARENT = 1  # of Linux's prctl
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container


class ProcessCrew:
    """Replicas on the cores of this machine. `parts` is what each work's replicas are made of."""

    def __init__(self, parts: dict[Work, Sequence[Any]]):
        self._parts = parts
        self._made: dict[Work, bytes] = {}
        self._members: dict[Connection, Member] = {}
        self._node = Node(socket.gethostname(), cores(), memory=_memory())

    def nodes(self) -> list[Node]:
        """This machine."""
        return [self._node]

    def start(self, work: Work) -> Line:
        """A new process, which loads the model at once."""
        ask = work.ask
        if work not in self._made:
            with unsendable(work.name):
                self._made[work] = cloudpickle.dumps((*self._parts[work], ask.device, ask.threads))
        return Line(ask.threads, sys.path, self._made[work])

    def load(self, member: Member) -> None:
        """Listen to it: it loads by itself."""
        self._members[member.handle.ends] = member

    def call(self, member: Member) -> None:
        """Send its task."""
        member.handle.tell(member.task)

    def stop(self, members: Sequence[Member]) -> None:
        """Kill their processes."""
        for member in members:
            self._members.pop(member.handle.ends, None)
            member.handle.cut()

    def wait(self, seconds: float) -> list[tuple[Member, Outcome]]:
        """What the processes said."""
        came = []
        for ends in connection.wait(list(self._members), seconds):
            assert isinstance(ends, Connection)
            member = self._members[ends]
            outcome = member.handle.heard()
            if isinstance(outcome, Lost):
                self.stop([member])
            came.append((member, outcome))
        return came


def serve(line: Connection, made: bytes, parent: int) -> None:
    """The whole life of such a process: load, and then task after task. It ends with its driver."""
    _end_with(parent)
    try:
        answer, replica = _loaded(made)
        while True:
            line.send_bytes(cloudpickle.dumps(answer))
            answer = _done(replica, line.recv())
    except EOFError:
        return
    except Exception as error:
        error.add_note(f"In the process of a replica:\n{traceback.format_exc()}")
        line.send_bytes(cloudpickle.dumps(error))


def _done(replica: Replica, task: Task) -> Outcome:
    if isinstance(task, Run):
        return replica.run(task.shard, task.poison)
    replica.probe(task.start, task.stop)
    return None


def _loaded(made: bytes) -> tuple[Outcome, Replica]:
    began, clock = time.time(), time.perf_counter()
    with unloadable():
        parts = cloudpickle.loads(made)
    replica = Replica(*parts)
    replica.load()
    return Loaded(socket.gethostname(), os.getpid(), began, time.perf_counter() - clock), replica


def _end_with(parent: int) -> None:
    """Be killed when the driver is: else this process would finish its shard first. Linux alone can."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(1)


def _memory() -> int:
    """Bytes that processes may take: of what is available, or of a container's limit."""
    limits = [Path(place).read_text().strip() for place in _LIMITS if Path(place).is_file()]
    return min([psutil.virtual_memory().available, *(int(x) for x in limits if x.isdigit())])
