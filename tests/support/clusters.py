"""Real clusters of other environments: Python with all packages but this one, or with another version of it."""

import io
import os
import signal
import socket
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import distributed

from consilience.engine.execution import code


def bare(folder: Path) -> Path:
    """The Python of an environment that lacks this package alone."""
    venv.create(folder, with_pip=False)
    beside = Path(distributed.__file__).parents[1]
    (path_file(folder)).write_text(f"{beside}\n")
    return folder / "bin" / "python"


def path_file(folder: Path) -> Path:
    return (
        folder
        / "lib"
        / f"python{sys.version_info.major}.{sys.version_info.minor}"
        / "site-packages"
        / "beside.pth"
    )


def other(folder: Path, version: str, edit: Callable[[str, bytes], bytes] = lambda _, text: text) -> Path:
    """The Python of one that has the package with that version, its files edited."""
    source = folder / "other"
    with zipfile.ZipFile(io.BytesIO(code.packed())) as files:
        for name in files.namelist():
            text = edit(name, files.read(name))
            if name.endswith("METADATA"):
                text = f"Metadata-Version: 2.1\nName: consilience\nVersion: {version}\n".encode()
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(text)
    python = bare(folder / "venv")
    path_file(folder / "venv").write_text(f"{source}\n{Path(distributed.__file__).parents[1]}\n")
    return python


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(*command: object, cwd: Path, auth: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed, with its children, where the block ends; of a Ray without a token, but for `auth`."""
    # Not from here, where folders stand that a worker would import by their bare names.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    if not auth:
        environment["RAY_AUTH_MODE"] = "disabled"
    with open(cwd / "log.txt", "ab") as log:
        process = subprocess.Popen(
            [*map(str, command)], cwd=cwd, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(port: int, seconds: float = 60) -> None:
    """Wait until somebody listens there."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < end, f"nobody listens at port {port}"
            time.sleep(0.1)


@contextmanager
def dask_scheduler(cwd: Path) -> Iterator[str]:
    port = free_port()
    options = ("--host", "127.0.0.1", "--port", port, "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
    with running(sys.executable, "-m", "dask", "scheduler", *options, cwd=cwd):
        answers(port)
        yield f"tcp://127.0.0.1:{port}"


@contextmanager
def dask_worker(python: Path | str, address: str, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    options = ("--host", "127.0.0.1", "--nthreads", 1, "--no-dashboard", "--memory-limit", 0)
    with running(python, "-m", "dask", "worker", address, *options, cwd=cwd) as process:
        yield process


@contextmanager
def ray_node(python: Path | str, address: str, cwd: Path) -> Iterator[None]:
    """A node of two cores more for the cluster at that address."""
    options = ("--address", address, "--num-cpus", 2, "--object-store-memory", 80 << 20, "--block")
    with running(python, "-m", "ray.scripts.scripts", "start", *options, "--disable-usage-stats", cwd=cwd):
        yield


@contextmanager
def ray_head(python: Path | str, cwd: Path) -> Iterator[str]:
    """A Ray cluster of one node and two cores, as `ray start --head` makes it."""
    port = free_port()
    options = ("--head", "--port", port, "--num-cpus", 2, "--include-dashboard", "false", "--block")
    store = ("--object-store-memory", 256 << 20, "--disable-usage-stats")
    with running(python, "-m", "ray.scripts.scripts", "start", *options, *store, cwd=cwd):
        answers(port)
        yield f"127.0.0.1:{port}"
