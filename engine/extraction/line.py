"""A process of a replica, and the line to it.

It is a program of its own. multiprocessing would run the user's script again in it, up to a `__main__` guard.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any

import cloudpickle

from consilience.engine.extraction.scheduler import Lost, Outcome

# What is large is read before anything is imported, so that the driver does not wait for that.
_BEGIN = """
import sys
from multiprocessing.connection import Connection
line = Connection(int(sys.argv[1]))
sys.path[:], made = line.recv(), line.recv_bytes()
from consilience.engine.extraction.processes import serve
serve(line, made, int(sys.argv[2]))
"""
_LAST = 2000  # bytes of what it wrote to stderr, the last line of which is told
_GONE = 10.0  # seconds until a process whose line is cut has ended


class Line:
    """A process, and the line to it."""

    def __init__(self, threads: int, path: Sequence[str], made: bytes):
        self.ends, theirs = Pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (`cut` closes it)
        # As Ray's workers have them: no GPU is taken in silence, and libraries beside torch keep to the threads.
        environment = {"OMP_NUM_THREADS": str(threads), **os.environ, "CUDA_VISIBLE_DEVICES": ""}
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _BEGIN, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=self._errors, start_new_session=True,
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
            self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, self._errors.tell() - _LAST))
            *_, last = ["", *self._errors.read().decode(errors="replace").split("\n")[:-1]]
            return Lost(f"the process ended by {how}" + (f", after: {last}" if last else ""), blameless=False)

    def cut(self) -> None:
        """Kill it, and see that it is gone: it might yet write its part."""
        self.process.kill()
        self.process.wait()
        self.ends.close()
        self._errors.close()
