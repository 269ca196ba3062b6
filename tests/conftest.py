"""Shared fixtures."""

import os
from collections.abc import Iterator

import pytest
from data_sets import data_sets, published

__all__ = ["data_sets", "published"]  # fixtures, for all who need a brain data set

# Before Ray is imported anywhere: it reads them then.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")


@pytest.fixture(scope="session")
def ray_local() -> Iterator[None]:
    """One local Ray with two cores for all tests that need it."""
    import logging

    import ray

    # A stranger's cluster may run on this machine: never attach to it.
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=128 << 20,
    )
    yield
    ray.shutdown()
