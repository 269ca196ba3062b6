"""The Ray cluster that extraction runs on: the one that is there, or a quiet local one for as long as it is needed."""

import logging
import os
import socket
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from consilience.engine.errors import BadInput
from consilience.engine.execution.code import SEND, Found, by_value, installed, lacking, packed
from consilience.engine.machine import cores as usable_cores

_OBJECT_STORE = 128 << 20  # only models and receipts pass through it; features go straight to disk
_AUTH = "RAY_AUTH_MODE"
_PATIENCE = 5.0  # seconds for a connection; Ray itself would try for many minutes
_CHECKED: set[tuple[str, str]] = set()  # cluster and job whose nodes all run the code of this process

__all__ = ["ray_running", "usable_cores"]


@contextmanager
def ray_running(
    address: str | None = None, *, store: int = _OBJECT_STORE, cores: int | None = None
) -> Iterator[None]:
    """Ray, initialised. If it is already, it is used and left running; else it is started and shut down afterwards.

    Every node of a cluster must run the code of this process. A node without the package is sent it; with
    CONSILIENCE_SEND_CODE=1 all are, whatever they have.

    Args:
        address: what ``ray.init`` takes; None starts one on this machine, which only this machine can reach. Wrap
            several extractions in one ``with ray_running():`` to start Ray once for all of them.
        store, cores: of a Ray that is started: bytes of its object store, and how many cores it has (None: all).

    Raises:
        BadInput: for an address that does not answer, for a cluster without the token that this process asks for, and
            for a node with another version of the package.
    """
    # Read when Ray is imported or started: no data leaves the machine, and CPU actors on a GPU machine see no GPU.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    import ray

    if ray.is_initialized():
        _refuse_another(address)
        if none := _check_code():
            raise BadInput(
                "the package on every node of the Ray that this process is connected to", f"none on {none[0]}",
                "give its address in place of ray.init(), and it is sent there",
            )  # fmt: skip
        yield
        return
    with ExitStack() as stack:
        stack.enter_context(_authentication())
        stack.callback(ray.shutdown)
        if address in (None, "local"):
            with _loopback():
                _init(
                    address="local",
                    include_dashboard=False,
                    num_cpus=cores or usable_cores(),
                    object_store_memory=store,
                )
            _CHECKED.add(_job())  # its processes are those of this environment
        else:
            _reach(address)
            _init(address=address)
            _refuse_without_token(address)
            if os.environ.get(SEND) or _check_code():
                ray.shutdown()
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                with zipfile.ZipFile(BytesIO(packed())) as files:
                    files.extractall(folder)
                _init(address=address, runtime_env={"py_modules": [str(x) for x in sorted(folder.iterdir())]})
                if none := _check_code():
                    raise BadInput(
                        "nodes that import what they are sent", f"none on {none[0]}", "install the package"
                    )
        yield


def _init(**options: Any) -> None:
    import ray

    try:
        ray.init(configure_logging=True, logging_level=logging.ERROR, log_to_driver=False, **options)
    except (ConnectionError, RuntimeError) as error:  # the latter for another version of Ray or Python there
        if options["address"] == "local":
            raise
        told = str(error.__cause__ or error).strip().splitlines()
        fix = "start one with `ray start --head`, of the versions of Ray and Python here"
        if refused := [line for line in told if "AuthenticationError" in line]:
            told, fix = (
                refused,
                "copy the ~/.ray/auth_token of its first node here, and set RAY_AUTH_MODE=token",
            )
        got = told[-1].partition(" Note:")[0]
        raise BadInput(f"a Ray cluster at {options['address']}", got, fix) from error


@contextmanager
def _loopback() -> Iterator[None]:
    """A Ray started meanwhile listens on 127.0.0.1 alone, as it does by itself where it cannot have other nodes."""
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _authentication() -> Iterator[None]:
    """Whether calls need a token is afterwards what it was: a Ray that starts here sets it, for good, for all others.

    A process that asks for one refuses the calls of a cluster that has none, and what it started there is killed.
    """
    from ray import _raylet

    unset = _AUTH not in os.environ
    try:
        yield
    finally:
        if unset and _AUTH in os.environ:
            del os.environ[_AUTH]
            reads: Any = _raylet
            reads.Config.initialize("")
            reads.AuthenticationTokenLoader.instance().reset_cache()


def _refuse_without_token(address: str) -> None:
    """BadInput where this process asks for a token, and the cluster has none."""
    import ray

    if os.environ.get(_AUTH, "").lower() != "token":
        return

    def mode() -> str:  # sent by value, as it is no name of this module
        return os.environ.get(_AUTH, "")

    if ray.get(ray.remote(num_cpus=0)(mode).remote()).lower() != "token":
        raise BadInput(
            f"a Ray cluster that asks for a token, as {_AUTH}=token does here (Ray itself sets that for a local one)",
            f"none at {address}",
            f"set {_AUTH}=disabled for this process, or start the cluster with {_AUTH}=token",
        )


def _reach(address: str) -> None:
    """BadInput where nobody listens at HOST:PORT; other forms of an address are left to Ray."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except OSError as error:
        raise BadInput(
            f"a Ray cluster at {address}",
            f"no answer ({error})",
            "start one with `ray start --head`, and give its address",
        ) from error


def _refuse_another(address: str | None) -> None:
    """BadInput for the address of another cluster than the one that this process is connected to."""
    import ray

    if address is None or address in ("local", "auto") or address.startswith("ray://"):
        return
    here = ray.get_runtime_context().gcs_address
    if address.rpartition(":")[2] != here.rpartition(":")[2]:  # a host has several names
        raise BadInput(
            f"the address {here}, of the Ray that this process is connected to",
            address,
            "call ray.shutdown() first",
        )


def _job() -> tuple[str, str]:
    import ray

    here = ray.get_runtime_context()
    return here.gcs_address, here.get_job_id()


def _check_code() -> list[str]:
    """The nodes without the package; BadInput for one with another version. Each job is looked at once."""
    import ray
    from ray import cloudpickle
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    job = _job()
    if job in _CHECKED:
        return []
    with by_value(cloudpickle):
        ask = ray.remote(num_cpus=0)(installed)
        calls = {
            (node["NodeID"], node["NodeManagerAddress"]): ask.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote()
            for node in ray.nodes()
            if node["Alive"]
        }
    found: dict[str, Found] = {}
    for (node, place), call in calls.items():
        try:
            found[place] = ray.get(call)
        except RayError:
            if any(x["Alive"] and x["NodeID"] == node for x in ray.nodes()):
                raise
            # It is gone since, or was when it still counted as alive.
    none = lacking(found)
    if not none:
        _CHECKED.add(job)
    return none
