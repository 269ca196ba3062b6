"""Models and stimuli that cannot be sent to the processes that extract, or cannot be made there: said as what it is."""

from collections.abc import Iterator
from contextlib import contextmanager

from consilience.engine.errors import BadInput


@contextmanager
def unsendable(name: str) -> Iterator[None]:
    """BadInput for whatever pickling the model of that name, or its stimuli, raises within the block."""
    try:
        yield
    except Exception as error:
        raise BadInput(
            f"{name} and its stimuli to be pickled, for the processes that extract",
            f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
            "keep locks, open files and weights out of them until load(), which is called in those processes",
        ) from error  # fmt: skip


@contextmanager
def unmade() -> Iterator[None]:
    """BadInput for whatever unpickling what was sent raises within the block."""
    try:
        yield
    except Exception as error:
        raise BadInput(
            "the model and its stimuli to be unpickled where features are extracted",
            str(error).rstrip().splitlines()[-1],
            "install there, or put on PYTHONPATH, the module that defines them, in the same version",
        ) from error
