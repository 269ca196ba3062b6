"""Files that appear whole or not at all, and the errors of a disk in words."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from consilience.engine.errors import BadInput

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what a full or forbidden disk raises into a BadInput that names `path` and the fix."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise BadInput(
                f"room to write {path}",
                str(error),
                "free space, or name another place; what was finished is kept",
            ) from error
        if error.errno in _DENIED:
            raise BadInput(
                f"permission to write {path}", str(error), "change the permissions, or name another place"
            ) from error
        if isinstance(error, FileExistsError | NotADirectoryError):
            raise BadInput(f"a folder at {path.parent}", str(error), "name a folder, not a file") from error
        raise


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path for the block to write; takes the name `path` when it ends, and goes when it fails.

    Nothing waits for the disk to be in step: what a power cut takes away is found by its size and checksum.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    with writing(path):
        try:
            yield temporary
            os.replace(temporary, path)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise


def folder_name(name: str) -> str:
    """`name` as one folder name: what is unsafe in a path is percent-encoded, so that names stay distinct."""
    safe = quote(name, safe=" ()+,=@")
    if safe.startswith("."):
        safe = "%2E" + safe[1:]
    if not name or len(safe) > 255:
        raise BadInput("a name of 1 to 255 characters", repr(name), "choose a shorter name")
    return safe
