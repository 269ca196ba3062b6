"""The Ray cluster that extraction runs on: the one that is there, or a quiet local one for as long as it is needed."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

_OBJECT_STORE = 128 << 20  # only models and receipts pass through it; features go straight to disk


@contextmanager
def ray_running(address: str | None = None) -> Iterator[None]:
    """Ray, initialised. If it is already, it is used and left running; else it is started and shut down afterwards.

    `address` is what ``ray.init`` takes; None starts one on this machine. Wrap several extractions in one
    ``with ray_running():`` to start Ray once for all of them.
    """
    # Read when Ray is imported or started: no data leaves the machine, and CPU actors on a GPU machine see no GPU.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    import ray

    if ray.is_initialized():
        yield
        return
    local = address in (None, "local")
    ray.init(
        address="local" if local else address,
        include_dashboard=False if local else None,
        num_cpus=usable_cores() if local else None,
        object_store_memory=_OBJECT_STORE if local else None,
        configure_logging=True,
        logging_level=logging.ERROR,
        log_to_driver=False,
    )
    try:
        yield
    finally:
        ray.shutdown()


def usable_cores() -> int:
    """Cores this process may use; a container or `taskset` may allow fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
