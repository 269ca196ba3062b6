"""Places in an object store: what a store needs of `pathlib.Path`, over pyarrow's filesystems.

An object appears whole or not at all: an upload that fails, or whose process is killed, leaves nothing under the name.
Credentials come from the environment (for S3 AWS's usual chain) and never stand in a URI, since URIs go to manifests,
logs and error texts.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pyarrow as pa
from pyarrow import fs

from consilience.engine.errors import BadInput, unknown

SCHEMES = ("s3", "gs", "gcs")
_SETTINGS = {
    "region", "scheme", "endpoint_override", "tls_ca_file_path", "allow_bucket_creation", "project_id",
    "retry_limit_seconds",
}  # fmt: skip
# The checksum of a part is told with its type: pyarrow keeps no other metadata of an object than the usual headers.
_TYPE, _PART = "Content-Type", "application/vnd.apache.arrow.file; checksum="
_BUCKET = re.compile(r"[A-Za-z0-9._-]+")
_GOOGLE = ("gs", "gcs")
_GOOGLE_PATIENCE = (
    60  # seconds of retries, where pyarrow tries for fifteen minutes before it says what is wrong
)


@dataclass(frozen=True)
class ObjectPath:
    """``<scheme>://<key>?<query>``; `key` is the bucket and the names below it, `query` how to reach the store."""

    scheme: str
    key: str
    query: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.key}" + (f"?{self.query}" if self.query else "")

    def __truediv__(self, name: str) -> "ObjectPath":
        return replace(self, key=f"{self.key}/{_below(name)}")

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    def with_name(self, name: str) -> "ObjectPath":
        return replace(self, key=f"{self.key.rpartition('/')[0]}/{_below(name)}")

    def is_file(self) -> bool:
        with self._reaching() as files:
            return files.get_file_info(self.key).type == fs.FileType.File

    def is_dir(self) -> bool:
        with self._reaching() as files:
            return files.get_file_info(self.key).type == fs.FileType.Directory

    def sizes(self) -> dict[str, int | None]:
        """What is one level below: name -> bytes, None for what has more below it."""
        with self._reaching() as files:
            infos = files.get_file_info(fs.FileSelector(self.key, allow_not_found=True))
        return {info.base_name: info.size if info.is_file else None for info in infos}

    def open(self) -> Any:
        """The object as a file to read."""
        with self._reaching() as files:
            return files.open_input_file(self.key)

    def read_bytes(self) -> bytes:
        try:
            with self._reaching() as files, files.open_input_stream(self.key) as stream:
                return bytes(stream.read())
        except BadInput:
            if self.is_file():
                raise
            # It went after it was opened: the store says so in words only.
            raise FileNotFoundError(str(self)) from None

    def checksum(self) -> str | None:
        """That of the bytes which `upload` wrote, None if they were written otherwise. Reads none of them."""
        with self._reaching() as files, files.open_input_stream(self.key) as stream:
            told: str = stream.metadata().get(_TYPE, b"").decode()
        return told.removeprefix(_PART) if told.startswith(_PART) else None

    def write_bytes(self, data: Any, metadata: dict[str, str] | None = None) -> None:
        """Write the object, whole. `data` goes in one call: closing a stream after half of it would make an object."""
        with self._reaching() as files:
            stream = files.open_output_stream(self.key, metadata=metadata)
            try:
                stream.write(data)
            except BaseException:
                # A stream can only be closed, and that makes an object of what little it has.
                with suppress(OSError, pa.ArrowException):
                    stream.close()
                    files.delete_file(self.key)
                raise
            stream.close()
            size = files.get_file_info(self.key).size
        if size != len(data):
            raise BadInput(f"{len(data)} bytes in {self} after writing", f"{size}", "run the command again")

    def upload(self, path: Path, checksum: str) -> None:
        """Write the object from a local file that is not empty, and its checksum beside it."""
        with pa.memory_map(str(path)) as file:
            self.write_bytes(memoryview(file.read_buffer()), {_TYPE: _PART + checksum})

    def copy(self, target: "ObjectPath") -> None:
        """Copy within the store."""
        with self._reaching() as files:
            files.copy_file(self.key, target.key)

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            with self._reaching() as files:
                files.delete_file(self.key)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def remove(self) -> None:
        """Remove what is below, if anything is."""
        with suppress(FileNotFoundError), self._reaching() as files:
            files.delete_dir(self.key)

    @contextmanager
    def _reaching(self) -> Iterator[fs.FileSystem]:
        """The filesystem; its errors, but for an object that is not there, in words."""
        try:
            yield _filesystem(self.scheme, self.key.partition("/")[0], self.query)
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException) as error:
            names = "GOOGLE_APPLICATION_CREDENTIALS" if self.scheme in _GOOGLE else "AWS_ACCESS_KEY_ID, …"
            raise BadInput(
                f"an object store that answers at {self}",
                str(error),
                f"check the bucket, the network, and the credentials in the environment ({names})",
            ) from error


def object_path(uri: str) -> ObjectPath:
    """The place that `uri` names. BadInput, which repeats nothing of it, when it holds credentials."""
    scheme, _, rest = uri.partition("://")
    if scheme not in SCHEMES:
        raise unknown("kind of store", scheme, SCHEMES)
    key, _, query = rest.partition("?")
    bucket, *names = key.rstrip("/").split("/")
    if not _BUCKET.fullmatch(bucket) or "@" in query:
        raise BadInput(
            f"{scheme}://BUCKET/PREFIX, with nothing but the bucket's name before the first slash",
            "other characters there, such as those of a user or a key",
            "leave credentials to the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE)",
        )
    if {name for name, _ in parse_qsl(query, keep_blank_values=True)} - _SETTINGS:
        raise BadInput(
            f"no settings after the ? but {', '.join(sorted(_SETTINGS))}",
            "another one",
            "remove it; credentials come from the environment (AWS_ACCESS_KEY_ID, …)",
        )
    return ObjectPath(scheme, "/".join([bucket, *map(_below, names)]), query)


def _below(name: str) -> str:
    if name in ("", ".", "..") or "/" in name:
        raise BadInput("one name, not empty, . or ..", repr(name), "name a place below the store")
    return name


@lru_cache
def _filesystem(scheme: str, bucket: str, query: str) -> fs.FileSystem:
    if scheme in _GOOGLE and "retry_limit_seconds" not in query:
        query = "&".join(x for x in (query, f"retry_limit_seconds={_GOOGLE_PATIENCE}") if x)
    return fs.FileSystem.from_uri(f"{scheme}://{bucket}" + (f"?{query}" if query else ""))[0]
