"""Tasks on a Dask cluster: the one at an address, the one of this process's client, or processes on this machine."""

import asyncio
import logging
import os
import tempfile
import uuid
from collections.abc import Collection, Iterator
from concurrent import futures
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import cloudpickle
from distributed import Client, Scheduler, SpecCluster, Worker, WorkerPlugin, as_completed, default_client
from distributed.client import Future
from distributed.core import Status
from distributed.deploy.subprocess import SubprocessWorker

from consilience.engine.errors import BadInput
from consilience.engine.execution.code import (
    SEND,
    Found,
    by_value,
    installed,
    lacking,
    packed,
    running,
    unpack,
)
from consilience.engine.execution.graph import Tasks, tree
from consilience.engine.execution.sessions import Done
from consilience.engine.execution.shipping import Load, Shipment
from consilience.engine.machine import cores

LOOPBACK = "127.0.0.1"
PATIENCE = 15  # seconds for a scheduler to answer, and for it to have a worker
ATTEMPTS = 10  # at a pass for which a value was lost with all workers that held it


class DaskCluster:
    """Tasks go wherever the scheduler of `client` puts them; it has those of a dead worker done again."""

    def __init__(self, client: Client):
        self.client = client
        self._shipment = Shipment(self._send)

    @property
    def workers(self) -> int:
        return sum(self.client.nthreads().values())

    @property
    def together(self) -> int:
        return max(self.client.nthreads().values())

    def _send(self, values: list[Any]) -> list[Future]:
        # To every worker, so that any of them may die.
        return list(self.client.scatter(values, broadcast=True, hash=False))

    def forget(self) -> None:
        self._shipment.forget()

    def run(self, tasks: Tasks, done: Done, gpu: bool) -> Any:
        for left in reversed(range(ATTEMPTS)):
            try:
                return self._run(Load(tasks, self._shipment), done)
            except (asyncio.CancelledError, futures.CancelledError):
                if not left:
                    raise
                self._shipment.forget()

    def _run(self, load: Load, done: Done) -> Any:
        graph = tree(load.tasks, load.fold, load.beside, name=uuid.uuid4().hex)
        last, *parts = self.client.get(graph.tasks, [graph.last, *graph.chunks], sync=False)
        waiting = as_completed(parts, loop=self.client.loop)
        del parts  # a state is given up as soon as it is combined
        for part in waiting:
            if part.status == "error":
                part.result()
            done(part.key[1])
        return last.result().value()


class SameCode(WorkerPlugin):
    """Keeps workers with other code out that come after those `known`; gives the package, if it is sent, to those
    without.

    Without an import of this package: a worker may have none.
    """

    def __init__(self, expected: Found, known: Collection[str], sent: bytes | None, always: bool):
        self.expected, self.known, self.sent, self.always = expected, known, sent, always

    def setup(self, worker: Worker) -> None:
        found = installed()
        if self.sent is not None and found != self.expected and (self.always or found is None):
            unpack(self.sent, tempfile.mkdtemp(dir=worker.local_directory))
            found = installed()
        if found != self.expected and worker.address not in self.known:
            log = logging.getLogger("distributed.worker")
            log.error("expected consilience %s; got %s", self.expected, found)
            worker.status = Status.paused  # no task begins, until it is up and can be told to close
            worker.loop.add_callback(worker.close, nanny=True, reason="other code than that of the work")


@contextmanager
def dask_cluster(address: str | None, workers: int | None) -> Iterator[DaskCluster]:
    """Started, or connected to. `workers` are started where there is neither an address nor a client already.

    Raises:
        BadInput: for a scheduler that does not answer or has no worker, and for workers with other code.
    """
    with ExitStack() as stack:
        client = _own() if address is None else None
        if address is not None:
            client = stack.enter_context(_connected(address))
        elif client is None:
            cluster = stack.enter_context(_started(workers or cores()))
            client = stack.enter_context(Client(cluster, set_as_default=False))
            client.wait_for_workers(len(cluster.worker_spec), timeout=60)
        _check_code(client, stack)
        yield DaskCluster(client)


def _own() -> Client | None:
    """The client that this process has already, if any."""
    try:
        return default_client()
    except ValueError:
        return None


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    fix = "start one with `dask scheduler`, workers with `dask worker ADDRESS`, and give the scheduler's address"
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BadInput(f"a Dask scheduler at {address}", f"no answer ({error})", fix) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise BadInput(f"workers of the Dask scheduler at {address}", "none", fix) from error
        yield client


def _started(workers: int) -> SpecCluster:
    """Processes of one thread each, which only this machine can reach.

    They are programs of their own. multiprocessing would run the user's script again in each, up to a `__main__` guard.
    """
    quiet = {"silence_logs": logging.ERROR, "dashboard": False, "host": LOOPBACK}
    # No limit: mapped files would count, and passes keep to their budget. Without a scheduler they end in a minute.
    options = {**quiet, "nthreads": 1, "memory_limit": 0, "death_timeout": 60}
    worker = {"cls": SubprocessWorker, "options": {"worker_kwargs": options}}
    at = {"host": LOOPBACK, "port": 0, "dashboard": False, "dashboard_address": f"{LOOPBACK}:0"}
    return SpecCluster(
        scheduler={"cls": Scheduler, "options": at}, workers=dict.fromkeys(range(workers), worker),
        silence_logs=logging.ERROR,
    )  # fmt: skip


def _check_code(client: Client, stack: ExitStack) -> None:
    always = bool(os.environ.get(SEND))
    with by_value(cloudpickle, SameCode):
        found: dict[str, Found] = client.run(installed)
        sent = packed() if always or lacking(found) else None
        name = f"consilience-{uuid.uuid4().hex}"
        client.register_plugin(SameCode(running()[:2], set(found), sent, always), name=name)
        stack.callback(_leave, client, name)
        if sent and (none := lacking(client.run(installed))):
            raise BadInput(
                "workers that import what they are sent", f"none on {none[0]}", "install the package there"
            )


def _leave(client: Client, plugin: str) -> None:
    with suppress(OSError):  # of a scheduler or worker that is gone: so is the plugin
        client.unregister_worker_plugin(plugin)
