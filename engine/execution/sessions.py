"""Clusters that are open in this process: each is started at the first use, and closed when nobody is inside."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import RLock
from typing import Any, Protocol

from consilience.engine.errors import BadInput, unknown
from consilience.engine.execution.graph import Tasks

EXECUTORS = ("threads", "distributed", "ray")
SCHEMES = {
    "tcp": "distributed",
    "tls": "distributed",
    "ws": "distributed",
    "wss": "distributed",
    "ray": "ray",
}

Done = Callable[[int], None]  # told the number of a call that is done


class Cluster(Protocol):
    """Workers elsewhere. `together` of all `workers` share the memory of a process. Tasks may need a `gpu` each."""

    @property
    def workers(self) -> int: ...

    @property
    def together(self) -> int: ...

    def run(self, tasks: Tasks, done: Done, gpu: bool) -> Any: ...

    def forget(self) -> None:
        """What was sent may be changed here from now on."""


def resolved(executor: str, address: str | None = None) -> tuple[str, str | None]:
    """The kind of an executor, which may be given as an address alone, and its address.

    Raises:
        BadInput: for an unknown executor, and for an address where there is none.
    """
    scheme = executor.partition("://")[0] if "://" in executor else None
    if scheme in SCHEMES and address is None:
        return SCHEMES[scheme], executor
    if executor not in EXECUTORS:
        if scheme or ":" in executor:
            raise BadInput(
                "an executor, or the address of one with its scheme, once", f"{executor!r}, address={address!r}",
                "write tcp://HOST:PORT of a Dask scheduler, or 'ray' with the address HOST:PORT of a Ray cluster",
            )  # fmt: skip
        raise unknown("executor", executor, EXECUTORS)
    if executor == "threads" and address is not None:
        raise BadInput("no address with the executor 'threads'", repr(address), "use 'distributed' or 'ray'")
    return executor, address


class Session:
    """A cluster that is started when it is first asked for."""

    def __init__(self, kind: str, address: str | None, start: Callable[[], AbstractContextManager[Cluster]]):
        self.kind, self.address = kind, address
        self.inside = self.calls = 0
        self._start, self._stack, self._lock = start, ExitStack(), RLock()
        self._cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """Raises BadInput where it cannot be reached, or runs other code than this process."""
        with self._lock:
            if self._cluster is None:
                self._cluster = self._stack.enter_context(self._start())
            return self._cluster

    def begin(self) -> None:
        """Start it now, if tasks are not to run on threads: sooner than what may take hours before it is asked for."""
        if self.kind != "threads":
            assert self.cluster

    def forget(self) -> None:
        if self._cluster is not None:
            self._cluster.forget()

    def close(self) -> None:
        self._stack.close()


_SESSIONS: dict[tuple[str, str | None], Session] = {}
_LOCK = RLock()


@contextmanager
def opened(executor: str, address: str | None = None, workers: int | None = None) -> Iterator[Session]:
    """The cluster of that executor, kept while anybody is inside: a study opens it once for all its comparisons.

    Args:
        workers: to start where no address is given; None: one for each core.
    """
    kind, address = key = resolved(executor, address)
    with _LOCK:
        if key not in _SESSIONS:
            _SESSIONS[key] = Session(kind, address, lambda: _start(kind, address, workers))
        session = _SESSIONS[key]
        session.inside += 1
    try:
        yield session
    finally:
        with _LOCK:
            session.inside -= 1
            if not session.inside:
                del _SESSIONS[key]
                session.close()


@contextmanager
def call(executor: str, address: str | None = None, workers: int | None = None) -> Iterator[Session]:
    """As `opened`, for one call from outside: arrays are sent once in it. Then the caller may change them."""
    with opened(executor, address, workers) as session:
        session.calls += 1
        try:
            yield session
        finally:
            session.calls -= 1
            if not session.calls:
                session.forget()


def _start(kind: str, address: str | None, workers: int | None) -> AbstractContextManager[Cluster]:
    if kind == "distributed":
        from consilience.engine.execution.on_dask import dask_cluster

        return dask_cluster(address, workers)
    from consilience.engine.execution.on_ray import ray_cluster

    return ray_cluster(address, workers)
