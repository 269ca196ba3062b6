"""Whether another process would run the same source as this one, and the source as files that can be sent to it.

What runs on workers to find out imports nothing of this package and is sent by value: a worker may lack it.
"""

import io
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from consilience.engine.errors import BadInput

PACKAGE, FOLDERS = "consilience", ("connectors", "engine", "pipelines")
SEND = "CONSILIENCE_SEND_CODE"  # environment variable: workers of a cluster are sent the package, whatever they have

Found = tuple[str, str] | None  # version and digest; None where there is no package


class Code(NamedTuple):
    """A version of the package, and a digest of its source: an edited copy has the same version."""

    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.version} (source {self.digest})"


def installed() -> Found:
    """That of the package which an import finds in this process."""
    from hashlib import sha256
    from importlib.metadata import PackageNotFoundError, distributions, version

    made, beside = sha256(), ""
    try:
        for name, path in source_files():
            if name.endswith(".py"):
                made.update(f"{name}\0".encode() + path.read_bytes())
            if name == f"{PACKAGE}/__init__.py":
                beside = str(path.parents[1])
        # What lies beside the package tells its version, and not what an import from elsewhere would find first.
        own = next(iter(distributions(name=PACKAGE, path=[beside])), None)
        return own.version if own else version(PACKAGE), made.hexdigest()[:12]
    except (ModuleNotFoundError, PackageNotFoundError):
        return None


def source_files() -> Iterator[tuple[str, Path]]:
    """Every file of the package, by its name where all folders stand under one: an editable install maps them."""
    from importlib import invalidate_caches
    from importlib.util import find_spec
    from pathlib import Path

    invalidate_caches()
    for package in (PACKAGE, *(f"{PACKAGE}.{folder}" for folder in FOLDERS)):
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(package)
        base = Path(spec.origin).parent
        for path in sorted(base.rglob("*")):
            within = path.relative_to(base)
            own = package != PACKAGE or within.parts[0] not in FOLDERS
            made = any(
                part.startswith((".", "__pycache__")) or part.endswith(".egg-info") for part in within.parts
            )
            if own and not made and path.is_file():
                yield f"{package.replace('.', '/')}/{within.as_posix()}", path


def unpack(packed: bytes, folder: str) -> None:
    """Files into a folder, and the folder before all else that this process imports from."""
    import io
    import sys
    import zipfile

    with zipfile.ZipFile(io.BytesIO(packed)) as files:
        files.extractall(folder)
    sys.path.insert(0, folder)
    for name in [x for x in sys.modules if x.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@cache
def running() -> Code:
    """That of this process."""
    found = installed()
    assert found is not None
    return Code(*found)


def packed() -> bytes:
    """The package as a zip file that is imported once it is unpacked, with as much metadata as tells its version."""
    made, version = io.BytesIO(), running().version
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as files:
        for name, path in source_files():
            files.write(path, name)
        about = f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {version}\n"
        files.writestr(f"{PACKAGE}-{version}.dist-info/METADATA", about)
    return made.getvalue()


@contextmanager
def by_value(cloudpickle: Any, *beside: Any) -> Iterator[None]:
    """What of this module, and of the modules of those `beside`, is pickled meanwhile needs no import elsewhere."""
    modules = [sys.modules[__name__], *(sys.modules[x.__module__] for x in beside)]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def lacking(found: Mapping[str, Found]) -> list[str]:
    """Which workers of `found` have no package at all.

    Raises:
        BadInput: for a worker with another version, or with other source of the same version.
    """
    for where, other in found.items():
        if other is not None:
            check(where, Code(*other), running())
    return [where for where, other in found.items() if other is None]


def check(where: str, other: Code, mine: Code) -> None:
    """BadInput, naming both, if a process runs other source than the one that has the work done."""
    if other != mine:
        raise refusal(where, other, mine)


def refusal(where: str, other: Found, mine: Code) -> "BadInput":
    """Why a process with `other` code is of no use to this one."""
    from consilience.engine.errors import BadInput  # not above: a worker may lack it

    return BadInput(
        f"{PACKAGE} {mine} on all workers, as where the work comes from",
        f"{Code(*other) if other else 'none'} on {where}",
        f"install {PACKAGE} {mine.version} there, or set {SEND}=1 to send it along from here",
    )
