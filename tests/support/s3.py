"""A real S3 server on this machine, with a bucket a test."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The endpoint, ``http://127.0.0.1:<port>``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def s3(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of an empty store in a new bucket; what is fetched from it goes to the test's own cache."""
    monkeypatch.setenv("CONSILIENCE_CACHE", str(tmp_path / "cache"))
    bucket = f"b{uuid4().hex}"
    client(s3_server).create_bucket(Bucket=bucket)
    return f"s3://{bucket}/some/stores?region=us-east-1&endpoint_override={s3_server}"


def client(endpoint: str) -> Any:
    """Another client of the same server, to look from outside."""
    import boto3

    return boto3.client("s3", endpoint_url=endpoint, region_name=os.environ["AWS_REGION"])
