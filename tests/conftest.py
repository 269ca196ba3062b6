"""Shared fixtures."""

import os
from collections.abc import Iterator

import pytest
from data_sets import data_sets, published
from mlflow_server import mlflow_server
from s3 import s3, s3_server

__all__ = ["data_sets", "mlflow_server", "published", "s3", "s3_server"]  # fixtures, for all who need them

# Before Ray is imported anywhere: it reads them then.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
# Beside the tests of other processes Ray's own, which step back by default, would have a thirtieth of a core.
os.environ.setdefault("RAY_worker_niceness", "0")
# Nor has the S3 server of the tests other credentials than those that its clients, Ray's workers too, find here.
os.environ.update(
    AWS_ACCESS_KEY_ID="AKIATESTTESTTEST", AWS_SECRET_ACCESS_KEY="kept/secret+key", AWS_REGION="us-east-1"
)
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


@pytest.fixture(scope="module")
def ray_local() -> Iterator[None]:
    """One local Ray with two cores for the tests of a module; others may want to be connected elsewhere."""
    from consilience.engine.extraction.cluster import ray_running

    with ray_running(cores=2):
        yield
