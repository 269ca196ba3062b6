"""The replicas as processes of this machine, which need no cluster: a shard is handed out a second after the command.

They are programs of their own. multiprocessing would run the user's script again in each, up to a `__main__` guard.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe, connection
from pathlib import Path
from typing import Any

import cloudpickle
import psutil

from consilience.engine.extraction.placement import Node
from consilience.engine.extraction.queue import Run, Task
from consilience.engine.extraction.replica import Replica
from consilience.engine.extraction.scheduler import Loaded, Lost, Outcome
from consilience.engine.extraction.unloadable import unloadable, unsendable
from consilience.engine.extraction.work import Member, Work
from consilience.engine.machine import cores

Connection = connection.Connection

# What is large is read before anything is imported, so that the driver does not wait for that.
_BEGIN = """
import sys
from multiprocessing.connection import Connection
line = Connection(int(sys.argv[1]))
sys.path[:], made = line.recv(), line.recv_bytes()
from consilience.engine.extraction.processes import serve
serve(line, made, int(sys.argv[2]))
"""
_DIES_WITH_PARENT = 1  # of Linux's prctl
_GONE = 10.0  # seconds until a process whose line is cut has ended
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container


class Line:
    """A process, and the line to it."""

    def __init__(self, threads: int, path: Sequence[str], made: bytes):
        self.ends, theirs = Pipe()
        # As Ray's workers have them: no GPU is taken in silence, and libraries beside torch keep to the threads.
        environment = {"OMP_NUM_THREADS": str(threads), **os.environ, "CUDA_VISIBLE_DEVICES": ""}
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _BEGIN, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self.tell(list(path))
        self.tell(made)

    def tell(self, what: Any) -> None:
        """Send it; a process that is gone will be heard of when it is listened to."""
        with suppress(BrokenPipeError, ConnectionResetError):
            if isinstance(what, bytes):
                self.ends.send_bytes(what)
            else:
                self.ends.send(what)

    def heard(self) -> Outcome:
        """What it said, or how it died."""
        try:
            said: Outcome = cloudpickle.loads(self.ends.recv_bytes())
            return said
        except (EOFError, ConnectionResetError):
            code = self.process.wait(_GONE)
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            return Lost(f"the process ended by {how}", blameless=False)

    def cut(self) -> None:
        """Kill it, and see that it is gone: it might yet write its part."""
        self.process.kill()
        self.process.wait()
        self.ends.close()


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
