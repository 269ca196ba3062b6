"""The compose file: against its schema, by Compose itself, and its server started here."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg2
import pytest
from clusters import free_port
from deploying import DEPLOY, ROOT, done, tool
from postgres import postgres
from s3 import client

from consilience.engine.features import FeatureStore
from consilience.pipelines.runs.listing import list_runs
from consilience.pipelines.zoo.run import run

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


@pytest.fixture
def database() -> Iterator[str]:
    """The URI of an empty one in PostgreSQL."""
    with postgres("mlflow", "mlflow") as folder:
        yield f"postgresql+psycopg2://mlflow:p1@/mlflow?host={folder}"


@pytest.fixture
def server(
    services: dict[str, Any], database: str, bucket: str, s3_server: str, tmp_path: Path
) -> Iterator[str]:
    """Where it listens: the command, variables and health check of the service; another S3 server stands for MinIO."""
    service, port = services["mlflow"], free_port()
    command = dockerfile_command()
    command[command.index("--port") + 1] = str(port)
    command[command.index("--host") + 1] = "127.0.0.1"
    command[command.index("--workers") + 1] = "1"  # sooner up
    environment = service["environment"] | {
        "MLFLOW_BACKEND_STORE_URI": database, "MLFLOW_S3_ENDPOINT_URL": s3_server,
        "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{bucket}", "PATH": os.environ["PATH"], "HOME": str(tmp_path),
    }  # fmt: skip
    command = [tool(command[0]), *command[1:]]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
        )
    try:
        program, *arguments = service["healthcheck"]["test"][1:]
        assert program == "python"
        check = [sys.executable, *(x.replace(":5000/", f":{port}/") for x in arguments)]
        until = time.monotonic() + 120
        while subprocess.run(check, capture_output=True).returncode:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


@pytest.fixture
def bucket(s3_server: str) -> str:
    name = f"mlflow-{uuid4().hex}"
    client(s3_server).create_bucket(Bucket=name)
    return name


def test_a_study_is_tracked_by_it_in_postgresql_and_in_the_bucket(
    server: str, database: str, bucket: str, s3_server: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for model in ("ant", "bee"):
        layers = {"layer": rng.normal(size=(60, 5))}
        FeatureStore(tmp_path / "features").write(model, "toys", [f"s{i:02d}" for i in range(60)], layers)
    file = tmp_path / "study.yaml"
    text = "name: tracked\nstimuli: toys\nmodels: [ant, bee]\nmetrics: [cka]\ngroups: 10\n"
    file.write_text(f"{text}tracking: {server}\n")
    run(file)
    (listed,) = list_runs(str(file))
    assert listed["status"] == "finished"
    assert listed["models"] == ["ant", "bee"]
    with psycopg2.connect(database.replace("+psycopg2", "")) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.name, m.value FROM runs r JOIN metrics m USING (run_uuid) WHERE m.key LIKE 'cka%'"
        )
        kept = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM runs WHERE status = 'FINISHED'")
        assert cursor.fetchall() == [(3,)]  # a child run a model
    connection.close()
    assert listed["means"]
    assert set(listed["means"].values()) <= {value for _, value in kept}
    held = client(s3_server).list_objects_v2(Bucket=bucket)["Contents"]
    assert {"report.html", "scores.nc"} <= {Path(x["Key"]).name for x in held}


def dockerfile_command() -> list[str]:
    (line,) = (x for x in (MLFLOW / "Dockerfile").read_text().splitlines() if x.startswith("CMD "))
    command: list[str] = json.loads(line.removeprefix("CMD "))
    return command
