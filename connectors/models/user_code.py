"""Functions of a user's Python module, imported alike here and in every process that extracts."""

import hashlib
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from consilience.engine.errors import BadInput, unknown


def imported(module: str, function: str, folder: str) -> Callable[[], Any]:
    """The function; `folder` is where its module was found elsewhere."""
    if find_spec(module.partition(".")[0]) is None:
        sys.path.append(folder or str(Path.cwd()))  # last, where it hides nothing
    try:
        found = import_module(module)
    except ImportError as error:
        raise BadInput(
            f"the Python module {module} where models are made and features extracted", str(error),
            "install it there, put its folder on PYTHONPATH, or start where it lies",
        ) from error  # fmt: skip
    if not callable(getattr(found, function, None)):
        names = [k for k, v in vars(found).items() if callable(v) and not k.startswith("_")]
        raise unknown(f"function of {module}", function, names)
    made: Callable[[], Any] = getattr(found, function)
    return made


def folder_of(module: str) -> str:
    """The folder from which the module is imported."""
    file = inspect.getsourcefile(sys.modules[module.partition(".")[0]])
    path = Path(file or ".").absolute()
    return str(path.parents[1] if path.name == "__init__.py" else path.parent)


def source_of(module: str) -> str:
    """A digest of the file with the function: other code may make other features of the same weights."""
    file = inspect.getsourcefile(sys.modules[module])
    return hashlib.sha256(Path(file).read_bytes() if file else module.encode()).hexdigest()[:16]
