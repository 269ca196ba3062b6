"""The compose file: against its schema, by Compose itself, and its server started here."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from clusters import free_port
from deploying import DEPLOY, ROOT, done, tool
from s3 import client

MLFLOW = DEPLOY / "mlflow"
COMPOSE = (tool("docker-compose"), "-f")
SECRETS = {"POSTGRES_PASSWORD": "p1", "MINIO_ROOT_USER": "user", "MINIO_ROOT_PASSWORD": "p2"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """As Compose reads them."""
    environment = {"PATH": os.environ["PATH"], **SECRETS}
    said = done(*COMPOSE, MLFLOW / "compose.yaml", "config", "--format=json", env=environment)
    found: dict[str, Any] = json.loads(said)["services"]
    return found


def test_it_is_a_compose_file() -> None:
    said = done(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", MLFLOW / "compose.yaml")
    assert "ok" in said


def test_secrets_come_from_a_file_that_git_ignores(tmp_path: Path) -> None:
    shutil.copy(MLFLOW / "compose.yaml", tmp_path)
    compose = [*COMPOSE, str(tmp_path / "compose.yaml"), "config"]
    environment = {"PATH": os.environ["PATH"]}
    without = subprocess.run(compose, env=environment, capture_output=True, text=True)
    assert without.returncode != 0
    assert "copy example.env to .env" in without.stderr
    names = [x.partition("=")[0] for x in (MLFLOW / "example.env").read_text().splitlines() if "=" in x]
    assert names == list(SECRETS)
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    assert "postgresql+psycopg2://mlflow:p1@postgres:5432/mlflow" in done(*compose, env=environment)
    done("git", "check-ignore", MLFLOW / ".env", cwd=ROOT)


def test_nothing_listens_beyond_this_machine(services: dict[str, Any]) -> None:
    published = {name: one["ports"] for name, one in services.items() if "ports" in one}
    assert set(published) == {"mlflow", "minio"}
    assert {port["host_ip"] for ports in published.values() for port in ports} == {"127.0.0.1"}


def test_each_waits_for_what_it_needs(services: dict[str, Any]) -> None:
    needs = {
        name: {other: x["condition"] for other, x in one.get("depends_on", {}).items()}
        for name, one in services.items()
    }
    assert needs["mlflow"] == {"postgres": "service_healthy", "bucket": "service_completed_successfully"}
    assert needs["bucket"] == {"minio": "service_healthy"}
    assert {name for name, one in services.items() if "healthcheck" in one} == {"postgres", "minio", "mlflow"}


def test_the_server_starts_is_healthy_and_keeps_artifacts_in_the_bucket(
    services: dict[str, Any], s3_server: str, tmp_path: Path
) -> None:
    """The command, variables and health check of the service; sqlite and another S3 server stand for the neighbours."""
    service, port, bucket = services["mlflow"], free_port(), f"mlflow-{uuid4().hex}"
    client(s3_server).create_bucket(Bucket=bucket)
    command = dockerfile_command()
    command[command.index("--port") + 1] = str(port)
    command[command.index("--host") + 1] = "127.0.0.1"
    command[command.index("--workers") + 1] = "1"  # sooner up
    environment = service["environment"] | {
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{tmp_path}/mlflow.db", "MLFLOW_S3_ENDPOINT_URL": s3_server,
        "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{bucket}", "PATH": os.environ["PATH"], "HOME": str(tmp_path),
    }  # fmt: skip
    command = [tool(command[0]), *command[1:]]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
        )
    try:
        program, *arguments = service["healthcheck"]["test"][1:]
        assert program == "python"
        check = [sys.executable, *(x.replace(":5000/", f":{port}/") for x in arguments)]
        until = time.monotonic() + 120
        while subprocess.run(check, capture_output=True).returncode:
            assert server.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.5)
        place = f"http://127.0.0.1:{port}/api/2.0/mlflow-artifacts/artifacts/0/hello.txt"
        urllib.request.urlopen(urllib.request.Request(place, data=b"hello", method="PUT")).close()
        kept = client(s3_server).get_object(Bucket=bucket, Key="0/hello.txt")["Body"].read()
        assert kept == b"hello"
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


def dockerfile_command() -> list[str]:
    (line,) = (x for x in (MLFLOW / "Dockerfile").read_text().splitlines() if x.startswith("CMD "))
    command: list[str] = json.loads(line.removeprefix("CMD "))
    return command
