"""A lease on a table that is being written: a second driver waits until the first has finished, or has died.

It saves work and is no lock that correctness hangs on: parts appear whole, and what two processes write under one name
is the same. On disk the lease is a file that only one process can create. On object stores, which have no such
operation in common, whoever wrote last has it: two that come within the same second may both find theirs for a moment
before one sees the other's, and write some parts twice.

A lease is lost when its holder's process is gone (seen at once on the same machine), or when its heartbeat stands still
for `EXPIRES` seconds by the clock of whoever waits; no two machines' clocks are compared.
"""

import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from consilience.engine.errors import BadInput
from consilience.engine.features.disk import writing
from consilience.engine.features.location import Location
from consilience.engine.features.objects import ObjectPath

FILE = ".lease"
BEATS = 5.0  # seconds between heartbeats
EXPIRES = 60.0
_LOOKS = 0.5  # seconds between looks at another's lease
_SETTLES = 1.0  # seconds until an object that another wrote at the same time is seen
_LOG = logging.getLogger(__name__)


@contextmanager
def lease(folder: Location, finished: Callable[[], bool]) -> Iterator[None]:
    """Hold the table in `folder` for the block, after waiting for whoever holds it.

    Nothing is held when the table is `finished` by then: there is nothing left to write.
    """
    place, owner = folder / FILE, _owner()
    if not _acquire(folder, owner, finished):
        yield
        return
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(place, owner, stop), daemon=True)
    heart.start()
    try:
        yield
    finally:
        stop.set()
        heart.join()
        if (held := _read(place)) is not None and held["token"] == owner["token"]:
            place.unlink(missing_ok=True)


def _acquire(folder: Location, owner: dict[str, Any], finished: Callable[[], bool]) -> bool:
    place, told, since = folder / FILE, None, time.monotonic()
    seen: dict[str, Any] | None = None
    while not finished():
        held = _read(place)
        if held is None:
            if _create(place, owner):
                return True
            continue
        if held != seen:
            seen, since = held, time.monotonic()
        if _dead(held) or time.monotonic() - since > EXPIRES:
            _take_away(place, held)
            continue
        if told != held["token"]:
            told = held["token"]
            # A warning, since it has to be seen where nobody has configured logging.
            _LOG.warning(
                "%s is being written by process %s on %s; waiting until it is finished or that process gone",
                folder, held["pid"], held["host"],
            )  # fmt: skip
        time.sleep(_LOOKS)
    return False


def _owner() -> dict[str, Any]:
    return {
        "token": uuid4().hex, "host": socket.gethostname(), "boot": _boot(), "pid": os.getpid(),
        "started": _started(os.getpid()), "beat": 0,
    }  # fmt: skip


def _boot() -> str:
    """What tells this start of this machine from others, and its process numbers from those of a container."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + os.readlink("/proc/self/ns/pid")
    import psutil

    return str(int(psutil.boot_time()))


def _started(pid: int) -> float:
    """When that process was started, by a clock that nobody sets. psutil.NoSuchProcess if there is none."""
    import psutil

    with suppress(FileNotFoundError, ProcessLookupError):
        # Ticks since the boot: psutil adds the time of the boot, which moves when the clock is set.
        if sys.platform.startswith("linux"):
            return float(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return psutil.Process(pid).create_time()


def _dead(held: dict[str, Any]) -> bool:
    """Whether the holder was a process of this machine that is no more; of other machines nothing is known."""
    import psutil

    if (held["host"], held["boot"]) != (socket.gethostname(), _boot()):
        return False
    try:
        # A number is used again, and a dead child keeps its own until it is waited for.
        return _started(held["pid"]) != held["started"] or (
            psutil.Process(held["pid"]).status() == psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return True


def _read(place: Location) -> dict[str, Any] | None:
    """The lease at `place`, or None. One that is only half written is nobody's, and expires."""
    try:
        value = json.loads(place.read_bytes() or b"{}")
        beat = place.stat().st_mtime_ns if isinstance(place, Path) else value.get("beat")
    except FileNotFoundError:
        return None
    except ValueError:
        value, beat = {}, 0
    unknown = {"token": "", "host": "another machine", "boot": "", "pid": "?", "started": 0}
    return {**unknown, **value, "beat": beat}


def _create(place: Location, owner: dict[str, Any]) -> bool:
    """Put the lease there unless there is one; whether it is ours."""
    text = json.dumps(owner).encode()
    if isinstance(place, ObjectPath):
        place.write_bytes(text)
        time.sleep(_SETTLES)
        held = _read(place)
        return held is not None and held["token"] == owner["token"]
    with writing(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(place, "xb", buffering=0) as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _take_away(place: Location, held: dict[str, Any]) -> None:
    """Remove the lease of a holder that is gone, and no other that came in its place meanwhile."""
    if isinstance(place, ObjectPath):
        if _read(place) == held:
            place.unlink(missing_ok=True)
        return
    aside = place.with_name(f"{FILE}.{uuid4().hex}")
    with suppress(FileNotFoundError):
        place.rename(aside)
        if (taken := _read(aside)) is not None and taken["token"] != held["token"]:
            with suppress(FileExistsError):
                os.link(aside, place)
        aside.unlink()


def _beat(place: Location, owner: dict[str, Any], stop: threading.Event) -> None:
    """Show that the holder lives, until it stops or has lost the lease."""
    while not stop.wait(BEATS):
        try:
            held = _read(place)
            if held is None or held["token"] != owner["token"]:
                return  # finished, or lost: then the other writes the same parts
            if isinstance(place, ObjectPath):
                owner["beat"] += 1
                place.write_bytes(json.dumps(owner).encode())
            else:
                os.utime(place)
        except (BadInput, OSError) as error:
            _LOG.warning("the lease %s could not be renewed: %s", place, error)
