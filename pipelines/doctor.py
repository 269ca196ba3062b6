"""What this machine offers, what is missing, and the line that adds it."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "torch",
    "ray",
    "dask",
    "numpy",
    "xarray",
    "pyarrow",
    "transformers",
    "mlflow",
    "plotly",
    "h5netcdf",
)


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `fix` is empty where nothing is missing."""

    what: str
    found: str
    fix: str = ""


def examine(folder: Path, *, speed: bool = True) -> Iterator[Finding]:
    """Everything `consilience doctor` tells, in the order in which it is known; `folder` is where a run would write."""
    yield Finding("consilience", version("consilience"))
    yield Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield from map(_package, _PACKAGES)
    yield from _devices()
    yield from _room(folder)
    yield from _registered()
    if speed:
        yield from _speed()


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "missing", f"pip install -c constraints.txt {name}")


def cores() -> int:
    """The cores this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _devices() -> Iterator[Finding]:
    import torch

    yield Finding("cpu", f"{cores()} cores, torch uses {torch.get_num_threads()} threads")
    for i in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(i)
        yield Finding(f"cuda:{i}", f"{about.name}, {about.total_memory / 1e9:.0f} GB")
    if not torch.cuda.device_count():
        built = torch.version.cuda
        yield Finding("cuda", "no device" if built else "no device, and this build of torch is for CPUs only")


def _room(folder: Path) -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    yield Finding("memory", f"{memory.available / 1e9:.1f} GB free of {memory.total / 1e9:.1f} GB")
    shared = Path("/dev/shm")
    if shared.is_dir():
        free = shutil.disk_usage(shared).free
        fix = "" if free > 1e9 else "start the container with --shm-size=2g: Ray keeps its objects there"
        yield Finding("shared memory", f"{free / 1e9:.1f} GB free", fix)
    disk = shutil.disk_usage(folder)
    yield Finding("disk", f"{disk.free / 1e9:.1f} GB free in {folder}")
    if not os.access(folder, os.W_OK):
        yield Finding(
            "output", f"{folder} cannot be written", "work in another folder, or give its path as output"
        )


def _registered() -> Iterator[Finding]:
    from consilience.connectors.models import models, open_model
    from consilience.connectors.stimuli import open_stimuli, stimuli
    from consilience.engine.extraction.interfaces import NotInstalled

    for kind, names, opened in (("model", models(), open_model), ("stimuli", stimuli(), open_stimuli)):
        for name in names:
            if ":" in name:  # takes an argument, so there is nothing to open
                continue
            try:
                opened(name)
            except NotInstalled as missing:
                yield Finding(f"{kind} {name}", "not installed", missing.fix)
            else:
                yield Finding(f"{kind} {name}", "ready")
    yield from _brains()


def _brains() -> Iterator[Finding]:
    from consilience.connectors.brains import brains, open_brains

    for name in brains():
        if ":" not in name:
            held = open_brains(name).cached()
            found = "cached" if held else "not cached: fetched when it is first used"
            yield Finding(f"brains {name}", found)


def _speed() -> Iterator[Finding]:
    from consilience.engine.machine import speed

    rates = speed()
    yield Finding(
        "matrix product",
        f"{rates.float32 / 1e9:.0f} GFLOP/s in float32, {rates.float64 / 1e9:.0f} in float64",
    )
    yield Finding("reading memory", f"{rates.read / 1e9:.1f} GB/s")
